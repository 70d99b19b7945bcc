"""The whole schema: users, signing keys, revoked sessions, security events.

Revision ID: 2026_11_24_initial
Revises:
Create Date: 2026-11-24
"""

from alembic import op

revision = "2026_11_24_initial"
down_revision = None
branch_labels = None
depends_on = None

USERS = """
CREATE TABLE users (
    id uuid NOT NULL DEFAULT uuidv7(),
    email text NOT NULL,
    email_key text NOT NULL,
    name text,
    time_zone text NOT NULL,
    password_hash text NOT NULL,
    ver integer NOT NULL DEFAULT 1,
    version integer NOT NULL DEFAULT 1,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_key_key UNIQUE (email_key),
    CONSTRAINT users_ver_check CHECK (ver >= 1),
    CONSTRAINT users_version_check CHECK (version >= 1)
)
"""

SIGNING_KEYS = """
CREATE TABLE signing_keys (
    kid text NOT NULL,
    alg text NOT NULL,
    public_jwk jsonb NOT NULL,
    private_enc bytea NOT NULL,
    state text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    activate_at timestamptz NOT NULL,
    retire_at timestamptz,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (kid),
    CONSTRAINT signing_keys_state_check CHECK (state IN ('next', 'current', 'retired'))
)
"""

REVOKED_SESSIONS = """
CREATE TABLE revoked_sessions (
    session_id uuid NOT NULL,
    user_id uuid NOT NULL,
    revoked_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT revoked_sessions_pkey PRIMARY KEY (session_id)
)
"""

SECURITY_EVENTS = """
CREATE TABLE security_events (
    id uuid NOT NULL DEFAULT uuidv7(),
    user_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    type text NOT NULL,
    ip text,
    user_agent text,
    session_id uuid,
    CONSTRAINT security_events_pkey PRIMARY KEY (id),
    CONSTRAINT security_events_type_check CHECK (type IN (
        'registered', 'signed_in', 'sign_in_failed', 'signed_out', 'session_ended',
        'password_changed', 'token_created', 'token_revoked', 'token_reuse'
    ))
)
"""

INDEXES = (
    "CREATE UNIQUE INDEX signing_keys_current ON signing_keys (state) WHERE state = 'current'",
    "CREATE INDEX revoked_sessions_revoked_at_idx ON revoked_sessions (revoked_at)",
    "CREATE INDEX security_events_user_id_id_idx ON security_events (user_id, id DESC)",
)

COMMENTS = (
    "COMMENT ON COLUMN users.email_key IS 'the address as it compares: normalised, lower case'",
    "COMMENT ON COLUMN users.ver IS 'authentication version: tokens of a lower one are dead'",
    "COMMENT ON COLUMN users.version IS 'of the profile, for its entity tag'",
    "COMMENT ON COLUMN signing_keys.private_enc IS 'nonce, then AES-256-GCM of the PKCS 8 DER'",
    "COMMENT ON COLUMN revoked_sessions.expires_at IS 'no token of the session lives longer'",
)

TABLES = ("users", "signing_keys", "revoked_sessions", "security_events")


def upgrade() -> None:
    """Make every table, index and comment."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in (USERS, SIGNING_KEYS, REVOKED_SESSIONS, SECURITY_EVENTS):
        op.execute(statement)
    for statement in (*INDEXES, *COMMENTS):
        op.execute(statement)


def downgrade() -> None:
    """Drop every table."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
