"""Addresses compare by Unicode case folding: a final sigma as any other, a sharp s as two.

Of two accounts that become alike neither is changed. The previous release does not find the few
accounts whose key changes, until its last replica is replaced; those that it makes meanwhile are
folded by the next migration.

Revision ID: 2026_11_25_folded_addresses
Revises: 2026_11_24_tokens_and_versions
Create Date: 2026-11-25
"""

from alembic import op

revision = "2026_11_25_folded_addresses"
down_revision = "2026_11_24_tokens_and_versions"
branch_labels = None
depends_on = None

FOLD = """
UPDATE users SET email_key = casefold(email_key COLLATE pg_unicode_fast)
WHERE casefold(email_key COLLATE pg_unicode_fast) <> email_key
  AND NOT EXISTS (
    SELECT FROM users AS alike
    WHERE alike.id <> users.id
      AND casefold(alike.email_key COLLATE pg_unicode_fast)
        = casefold(users.email_key COLLATE pg_unicode_fast))
"""

UNFOLD = """
UPDATE users SET email_key = lower(email COLLATE pg_unicode_fast)
WHERE lower(email COLLATE pg_unicode_fast) <> email_key
  AND casefold(lower(email COLLATE pg_unicode_fast)) = email_key
"""

COMMENT = "COMMENT ON COLUMN users.email_key IS 'the address as it compares: normalised, {how}'"


def upgrade() -> None:
    """Fold the keys that are there."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(FOLD)
    op.execute(COMMENT.format(how="case-folded"))


def downgrade() -> None:
    """Lower case again, of the address as it was given."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(UNFOLD)
    op.execute(COMMENT.format(how="lower case"))
