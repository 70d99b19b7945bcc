"""The words of an expense by PL/pgSQL: the same words, and a create costs Postgres less.

Postgres read and planned the body of the function anew with each statement that wrote an expense,
since it was SQL. The words are the same, so the index stays as it is, and so do both releases.

Revision ID: 2026_11_27_words_by_loop
Revises: 2026_11_26_categories_counted
Create Date: 2026-11-27
"""

from alembic import context, op

revision = "2026_11_27_words_by_loop"
down_revision = "2026_11_26_categories_counted"
branch_labels = None
depends_on = None

# See list_indexes for what a word is. All names are of pg_catalog, which is searched first; to SET
# search_path would cost each call. concat_ws is STABLE since it takes any type, not for text.
EXPENSE_WORDS = r"""
CREATE OR REPLACE FUNCTION expense_words(owner uuid, description text, merchant text, notes text)
RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    content text := concat_ws(' ', description, merchant, notes);
    mark text := right(owner::text, 8);
    word text;
    words text[];
BEGIN
    IF octet_length(content) = char_length(content) THEN
        content := lower(content COLLATE pg_unicode_fast);
    ELSE
        content := normalize(
            regexp_replace(
                normalize(casefold(content COLLATE pg_unicode_fast), NFKD),
                '[\u0300-\u036f]+', '', 'g'),
            NFKC);
    END IF;
    FOREACH word IN ARRAY
        regexp_split_to_array(content COLLATE pg_unicode_fast, '[^[:alnum:]]+')
    LOOP
        IF word <> '' THEN
            words := words || (mark || left(word, 60));
        END IF;
    END LOOP;
    RETURN words;
END
$$
"""


def upgrade() -> None:
    """Replace the function, which takes no lock of a table."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(EXPENSE_WORDS)


def downgrade() -> None:
    """Bring the one of list_indexes back."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    script = context.script.get_revision("2026_11_25_list_indexes")
    op.execute(script.module.EXPENSE_WORDS)
