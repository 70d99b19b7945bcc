"""The database counts the changes of categories, whoever makes them.

The release before `category_changes` does not count, and its replicas write beside those of this
one while they are replaced.

Revision ID: 2026_11_26_categories_counted
Revises: 2026_11_26_data_epoch
Create Date: 2026-11-26
"""

from alembic import op

revision = "2026_11_26_categories_counted"
down_revision = "2026_11_26_data_epoch"
branch_labels = None
depends_on = None

# Who writes a category holds the lock of the row that this updates, in each release.
COUNT = """
CREATE OR REPLACE FUNCTION count_category_change() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE user_state SET category_changes = category_changes + 1
    WHERE user_id = coalesce(NEW.user_id, OLD.user_id);
    RETURN NULL;
END
$$
"""

TRIGGER = """
CREATE OR REPLACE TRIGGER categories_counted AFTER INSERT OR UPDATE OR DELETE ON categories
FOR EACH ROW EXECUTE FUNCTION count_category_change()
"""


def upgrade() -> None:
    """Count from now on."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(COUNT)
    op.execute(TRIGGER)


def downgrade() -> None:
    """Leave it to the service again."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("DROP TRIGGER categories_counted ON categories")
    op.execute("DROP FUNCTION count_category_change()")
