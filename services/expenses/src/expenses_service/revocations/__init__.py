"""What auth has revoked: its signed list, polled and kept in memory (infra/contracts)."""
