"""Runs the whole product as processes of this machine: `python3 -m infra.local` (standard library only)."""
