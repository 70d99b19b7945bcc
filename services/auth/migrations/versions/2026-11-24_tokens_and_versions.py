"""Personal access tokens, when a user's version rose, one-time passwords, closed accounts.

Revision ID: 2026_11_24_tokens_and_versions
Revises: 2026_11_24_initial
Create Date: 2026-11-24
"""

from alembic import op

revision = "2026_11_24_tokens_and_versions"
down_revision = "2026_11_24_initial"
branch_labels = None
depends_on = None

USERS = """
ALTER TABLE users
    ADD COLUMN ver_raised_at timestamptz,
    ADD COLUMN one_time_until timestamptz
"""

CLOSED_ACCOUNTS = """
CREATE TABLE closed_accounts (
    user_id uuid NOT NULL,
    closed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT closed_accounts_pkey PRIMARY KEY (user_id)
)
"""

PERSONAL_ACCESS_TOKENS = """
CREATE TABLE personal_access_tokens (
    id uuid NOT NULL DEFAULT uuidv7(),
    user_id uuid NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    secret_sha256 bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT personal_access_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT personal_access_tokens_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
)
"""

INDEXES = (
    "CREATE INDEX users_ver_raised_at_idx ON users (ver_raised_at) WHERE ver_raised_at IS NOT NULL",
    "CREATE INDEX closed_accounts_closed_at_idx ON closed_accounts (closed_at)",
    "CREATE INDEX personal_access_tokens_user_id_id_idx ON personal_access_tokens (user_id, id)",
    "CREATE UNIQUE INDEX signing_keys_next ON signing_keys (state) WHERE state = 'next'",
)

COMMENTS = (
    "COMMENT ON COLUMN users.ver_raised_at IS 'when ver last rose: on the revocation list then'",
    "COMMENT ON COLUMN users.one_time_until IS 'until when the password is good for one sign-in'",
    "COMMENT ON COLUMN personal_access_tokens.secret_sha256 IS 'SHA-256 of the token''s text'",
)


def upgrade() -> None:
    """Add columns, tables, indexes and comments."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in (USERS, CLOSED_ACCOUNTS, PERSONAL_ACCESS_TOKENS, *INDEXES, *COMMENTS):
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("DROP INDEX signing_keys_next")
    op.execute("DROP TABLE personal_access_tokens")
    op.execute("DROP TABLE closed_accounts")
    op.execute("ALTER TABLE users DROP COLUMN one_time_until, DROP COLUMN ver_raised_at")
