"""Signing keys: made, kept encrypted, published, used."""
