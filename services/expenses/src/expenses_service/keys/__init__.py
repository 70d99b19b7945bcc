"""The public keys that access tokens are verified with (infra/contracts/key-set.md)."""
