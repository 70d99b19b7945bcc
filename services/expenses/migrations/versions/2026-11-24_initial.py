"""The whole schema: users' sequences, expenses, change log, rollups, idempotency, categories.

Revision ID: 2026_11_24_initial
Revises:
Create Date: 2026-11-24
"""

from alembic import op

revision = "2026_11_24_initial"
down_revision = None
branch_labels = None
depends_on = None

USER_STATE = """
CREATE TABLE user_state (
    user_id uuid NOT NULL,
    seq bigint NOT NULL DEFAULT 0,
    log_start bigint NOT NULL DEFAULT 0,
    CONSTRAINT user_state_pkey PRIMARY KEY (user_id),
    CONSTRAINT user_state_log_start_check CHECK (log_start BETWEEN 0 AND seq)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)
"""

EXPENSES = """
CREATE TABLE expenses (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    spent_on date NOT NULL,
    description text NOT NULL,
    merchant text,
    category text NOT NULL,
    tags text[] NOT NULL DEFAULT '{}',
    payment_method text,
    notes text,
    metadata jsonb NOT NULL DEFAULT '{}',
    source text,
    external_id text,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT expenses_pkey PRIMARY KEY (id),
    CONSTRAINT expenses_kind_check CHECK (kind IN ('expense', 'refund')),
    CONSTRAINT expenses_amount_check CHECK (amount BETWEEN 1 AND 999999999999999),
    CONSTRAINT expenses_currency_check CHECK (char_length(currency) = 3),
    CONSTRAINT expenses_spent_on_check CHECK (spent_on BETWEEN '1900-01-01' AND '2999-12-31'),
    CONSTRAINT expenses_description_check CHECK (char_length(description) BETWEEN 1 AND 200),
    CONSTRAINT expenses_payment_method_check CHECK (
        payment_method IN ('cash', 'card', 'bank_transfer', 'direct_debit', 'wallet', 'other')
    ),
    CONSTRAINT expenses_tags_check CHECK (cardinality(tags) <= 20),
    CONSTRAINT expenses_external_check CHECK ((source IS NULL) = (external_id IS NULL)),
    CONSTRAINT expenses_version_check CHECK (version >= 1)
)
"""

CHANGE_LOG = """
CREATE TABLE change_log (
    user_id uuid NOT NULL,
    seq bigint NOT NULL,
    expense_id uuid NOT NULL,
    action text NOT NULL,
    version integer NOT NULL,
    at timestamptz NOT NULL,
    snapshot jsonb NOT NULL,
    CONSTRAINT change_log_pkey PRIMARY KEY (user_id, seq),
    CONSTRAINT change_log_expense_id_version_key UNIQUE (expense_id, version),
    CONSTRAINT change_log_action_check
        CHECK (action IN ('created', 'updated', 'deleted', 'restored'))
)
"""

ROLLUPS = """
CREATE TABLE rollups (
    user_id uuid NOT NULL,
    month date NOT NULL,
    category text NOT NULL,
    currency text NOT NULL,
    kind text NOT NULL,
    n bigint NOT NULL,
    total numeric NOT NULL,
    CONSTRAINT rollups_pkey PRIMARY KEY (user_id, month, category, currency, kind)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)
"""

IDEMPOTENCY = """
CREATE TABLE idempotency (
    user_id uuid NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    body bytea NOT NULL,
    etag text,
    location text,
    created_at timestamptz NOT NULL,
    CONSTRAINT idempotency_pkey PRIMARY KEY (user_id, method, path, key),
    CONSTRAINT idempotency_key_check CHECK (char_length(key) BETWEEN 1 AND 255),
    CONSTRAINT idempotency_status_check CHECK (status BETWEEN 200 AND 299)
)
"""

CATEGORIES = """
CREATE TABLE categories (
    user_id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    archived boolean NOT NULL DEFAULT false,
    deleted boolean NOT NULL DEFAULT false,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT categories_pkey PRIMARY KEY (user_id, slug)
)
"""

INDEXES = (
    """
    CREATE INDEX expenses_list ON expenses (user_id, spent_on DESC, id DESC)
    WHERE deleted_at IS NULL
    """,
    """
    CREATE UNIQUE INDEX expenses_external ON expenses (user_id, source, external_id)
    WHERE external_id IS NOT NULL
    """,
    "CREATE INDEX idempotency_age ON idempotency USING brin (created_at)",
)

COMMENTS = (
    "COMMENT ON TABLE user_state IS 'seq: the last change; log_start: the last change erased'",
    "COMMENT ON TABLE rollups IS 'sums over live expenses; rows at zero stay'",
    "COMMENT ON COLUMN expenses.amount IS 'minor units of the currency'",
    "COMMENT ON COLUMN rollups.total IS 'minor units; can pass the range of BIGINT'",
    "COMMENT ON COLUMN change_log.snapshot IS 'the row as this change left it'",
)

TABLES = ("user_state", "expenses", "change_log", "rollups", "idempotency", "categories")


def upgrade() -> None:
    """Make every table, index and comment."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in (USER_STATE, EXPENSES, CHANGE_LOG, ROLLUPS, IDEMPOTENCY, CATEGORIES):
        op.execute(statement)
    for statement in (*INDEXES, *COMMENTS):
        op.execute(statement)


def downgrade() -> None:
    """Drop every table."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
