"""Who is calling: access tokens verified with auth's public keys (infra/contracts/access-token.md)."""
