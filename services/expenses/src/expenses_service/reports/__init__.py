"""Sums over a user's expenses."""
