"""Indexes for every order of the list and for its text search, and room for updates in place.

Each index is made without holding up a writer, so outside a transaction. An attempt that was cut
off leaves a part, and perhaps an index that is not valid: the next attempt makes all of it anew.

After an upgrade to a PostgreSQL that knows more of Unicode: REINDEX INDEX CONCURRENTLY
expenses_words.

Revision ID: 2026_11_25_list_indexes
Revises: 2026_11_24_initial
Create Date: 2026-11-25
"""

from alembic import op

revision = "2026_11_25_list_indexes"
down_revision = "2026_11_24_initial"
branch_labels = None
depends_on = None

# The words of up to three texts, each word behind the end of its owner's id: 32 random bits, so
# that an index over all users keeps each user's words together. A word is a run of letters and
# digits, of which 60 count; letter case and accents do not.
EXPENSE_WORDS = r"""
CREATE OR REPLACE FUNCTION expense_words(owner uuid, description text, merchant text, notes text)
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT array_agg(right(owner::text, 8) || left(word, 60))
    FROM (SELECT description || ' ' || coalesce(merchant, '') || ' ' || coalesce(notes, ''))
            AS given (content),
        unnest(regexp_split_to_array(
            CASE WHEN octet_length(content) = char_length(content)
                THEN lower(content COLLATE pg_unicode_fast)
                ELSE normalize(
                    regexp_replace(
                        normalize(casefold(content COLLATE pg_unicode_fast), NFKD),
                        '[\u0300-\u036f]+', '', 'g'),
                    NFKC)
            END,
            '[^[:alnum:]]+')) AS split (word)
    WHERE word <> '';
END
"""

# Measured on a million rows, of which one user has 400,000 and 6,000 others a hundred each.
INDEXES = {
    # A page by amount or by creation: 0.1 ms. Without it the user's rows are read and sorted for
    # every page: 0.3 s. Each costs 15 to 30 µs a new row.
    "expenses_amount": "(user_id, currency, amount, id)",
    "expenses_created": "(user_id, created_at, id)",
    # A word of a small user that everybody uses: 0.13 ms. With the words alone 200 ms, since all
    # users' rows are looked at; with the owner as one word more 40 ms for the beginning of a word.
    # 100 µs a new row. A pending list would save a third of that, but its flush costs some writer
    # a second.
    "expenses_words": (
        "USING gin (array_to_tsvector(expense_words(user_id, description, merchant, notes)))"
        " WITH (fastupdate = off)"
    ),
}


def upgrade() -> None:
    """Make the function and the indexes."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(EXPENSE_WORDS)
    # An update that changes no indexed column finds room beside the old row and touches no index:
    # 60 µs and not 300. For that updated_at has none: updated_since looks at the user's rows
    # (0.5 µs each), and who wants changes only asks /changes.
    op.execute("ALTER TABLE expenses SET (fillfactor = 90)")
    with op.get_context().autocommit_block():
        # Nobody queues behind a concurrent build, so it may wait for the transactions before it.
        op.execute("SET lock_timeout = '60s'")
        for name, columns in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            on = columns if columns.startswith("USING") else f"USING btree {columns}"
            op.execute(
                f"CREATE INDEX CONCURRENTLY {name} ON expenses {on} WHERE deleted_at IS NULL"
            )
        op.execute("SET lock_timeout = '2s'")


def downgrade() -> None:
    """Drop them."""
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE expenses RESET (fillfactor)")
    op.execute("DROP FUNCTION expense_words(uuid, text, text, text)")
