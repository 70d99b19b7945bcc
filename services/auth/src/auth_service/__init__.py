"""The auth service: users, sessions, signing keys and personal access tokens."""

__version__ = "0.1.0"
SERVICE = "auth"
