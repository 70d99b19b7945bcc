"""The currencies of ISO 4217 in which an amount can be kept."""
