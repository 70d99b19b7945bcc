"""Who is calling: access tokens, verified as infra/contracts/access-token.md has it."""
