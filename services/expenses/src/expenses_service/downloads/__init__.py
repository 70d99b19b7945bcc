"""Bodies that are made while they are sent, as slowly as somebody reads them."""
