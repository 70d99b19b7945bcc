"""A count of a user's changes of categories, for writes that must know that there was none.

The previous release does not count: the next migration has the database do it.

Revision ID: 2026_11_26_category_changes
Revises: 2026_11_25_list_indexes
Create Date: 2026-11-26
"""

from alembic import op

revision = "2026_11_26_category_changes"
down_revision = "2026_11_25_list_indexes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; a constant default rewrites no row."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(
        "ALTER TABLE user_state ADD COLUMN IF NOT EXISTS category_changes bigint NOT NULL DEFAULT 0"
    )


def downgrade() -> None:
    """Drop it."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE user_state DROP COLUMN IF EXISTS category_changes")
