"""The database folds the addresses that are written from now on, whichever release writes them.

The release before folding writes lower case while its replicas are replaced: an account that is
made there meanwhile would never be found again by this one.

Revision ID: 2026_11_26_addresses_fold
Revises: 2026_11_25_folded_addresses
Create Date: 2026-11-26
"""

from alembic import op

revision = "2026_11_26_addresses_fold"
down_revision = "2026_11_25_folded_addresses"
branch_labels = None
depends_on = None

FOLD = """
CREATE OR REPLACE FUNCTION fold_email_key() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.email_key = casefold(NEW.email_key COLLATE pg_unicode_fast);
    RETURN NEW;
END
$$
"""

TRIGGER = """
CREATE OR REPLACE TRIGGER users_email_key_folded BEFORE INSERT ON users
FOR EACH ROW EXECUTE FUNCTION fold_email_key()
"""

# Of those that were made since the migration before this one.
AGAIN = """
UPDATE users SET email_key = casefold(email_key COLLATE pg_unicode_fast)
WHERE casefold(email_key COLLATE pg_unicode_fast) <> email_key
  AND NOT EXISTS (
    SELECT FROM users AS alike
    WHERE alike.id <> users.id
      AND casefold(alike.email_key COLLATE pg_unicode_fast)
        = casefold(users.email_key COLLATE pg_unicode_fast))
"""


def upgrade() -> None:
    """Fold from now on; the next attempt goes on after one that was cut off."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(FOLD)
    op.execute(TRIGGER)
    # What locked the table is committed: nobody waits while all accounts are looked at.
    with op.get_context().autocommit_block():
        op.execute(AGAIN)


def downgrade() -> None:
    """Leave it to the service again."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("DROP TRIGGER IF EXISTS users_email_key_folded ON users")
    op.execute("DROP FUNCTION IF EXISTS fold_email_key()")
