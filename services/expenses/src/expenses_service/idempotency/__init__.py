"""Retries of a POST that happen once: the answer is kept in the transaction of its effect."""
