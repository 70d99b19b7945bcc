"""Every restore of a backup is remembered, not the last one alone.

An expense that was changed between two restores has a tag that names the first of them, which the
second one must not make it forget. The previous release looks at `data_epoch`, which stays.

Revision ID: 2026_11_27_every_restore
Revises: 2026_11_27_words_by_loop
Create Date: 2026-11-27
"""

from alembic import op

revision = "2026_11_27_every_restore"
down_revision = "2026_11_27_words_by_loop"
branch_labels = None
depends_on = None

RESTORES = """
CREATE TABLE IF NOT EXISTS restores (
    base bigint NOT NULL,
    CONSTRAINT restores_pkey PRIMARY KEY (base),
    CONSTRAINT restores_base_check CHECK (base > 0)
)
"""

SO_FAR = "INSERT INTO restores (base) SELECT base FROM data_epoch ON CONFLICT DO NOTHING"

RESTORED = """
CREATE OR REPLACE FUNCTION restored() RETURNS bigint LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO data_epoch (base) VALUES (extract(epoch FROM clock_timestamp()) * 1000000)
    ON CONFLICT (single) DO UPDATE SET base = greatest(data_epoch.base + 1, excluded.base);
    INSERT INTO restores (base) SELECT base FROM data_epoch RETURNING base;
END
"""

RESTORED_BEFORE = """
CREATE OR REPLACE FUNCTION restored() RETURNS bigint LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO data_epoch (base) VALUES (extract(epoch FROM clock_timestamp()) * 1000000)
    ON CONFLICT (single) DO UPDATE SET base = greatest(data_epoch.base + 1, excluded.base)
    RETURNING base;
END
"""

COMMENT = "COMMENT ON TABLE restores IS 'microseconds since 1970 of every restore of a backup'"


def upgrade() -> None:
    """Make the table, with the restore that is known."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in (RESTORES, SO_FAR, RESTORED, COMMENT):
        op.execute(statement)


def downgrade() -> None:
    """Drop it."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(RESTORED_BEFORE)
    op.execute("DROP TABLE restores")
