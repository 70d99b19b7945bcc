"""Limits on guessing passwords and on making accounts, counted in Redis."""
