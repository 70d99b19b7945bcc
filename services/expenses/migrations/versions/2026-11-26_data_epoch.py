"""Where the numbers of changes begin since a backup was restored, and what a restore has to call.

The previous release does not look at it, so a backup is restored while it does not run.

Revision ID: 2026_11_26_data_epoch
Revises: 2026_11_26_category_changes
Create Date: 2026-11-26
"""

from alembic import op

revision = "2026_11_26_data_epoch"
down_revision = "2026_11_26_category_changes"
branch_labels = None
depends_on = None

DATA_EPOCH = """
CREATE TABLE IF NOT EXISTS data_epoch (
    single boolean NOT NULL DEFAULT true,
    base bigint NOT NULL,
    CONSTRAINT data_epoch_pkey PRIMARY KEY (single),
    CONSTRAINT data_epoch_single_check CHECK (single),
    CONSTRAINT data_epoch_base_check CHECK (base > 0)
)
"""

RESTORED = """
CREATE OR REPLACE FUNCTION restored() RETURNS bigint LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO data_epoch (base) VALUES (extract(epoch FROM clock_timestamp()) * 1000000)
    ON CONFLICT (single) DO UPDATE SET base = greatest(data_epoch.base + 1, excluded.base)
    RETURNING base;
END
"""

COMMENTS = (
    "COMMENT ON TABLE data_epoch IS 'microseconds since 1970 of the last restore of a backup'",
    "COMMENT ON FUNCTION restored() IS 'to be called once when a backup was restored'",
)


def upgrade() -> None:
    """Make both; the table stays empty until something is restored."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in (DATA_EPOCH, RESTORED, *COMMENTS):
        op.execute(statement)


def downgrade() -> None:
    """Drop both."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("DROP FUNCTION restored()")
    op.execute("DROP TABLE data_epoch")
