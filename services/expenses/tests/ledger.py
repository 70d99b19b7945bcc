"""Expenses made for tests, and what must hold of the tables after any writes."""

from msgspec.structs import replace

from expenses_service.database import Database
from expenses_service.expenses.models import Expense
from tests import records

DIFFERENCES = """
SELECT
  (SELECT count(*) FROM (
      SELECT user_id, date_trunc('month', spent_on)::date AS month, category, currency, kind,
        count(*) AS n, sum(amount) AS total
      FROM expenses WHERE deleted_at IS NULL GROUP BY 1, 2, 3, 4, 5) AS live
    FULL JOIN (SELECT * FROM rollups WHERE n <> 0 OR total <> 0) AS kept
      USING (user_id, month, category, currency, kind)
    WHERE live.n IS DISTINCT FROM kept.n OR live.total IS DISTINCT FROM kept.total) AS rollups,
  (SELECT count(*) FROM user_state AS s,
    LATERAL (SELECT min(seq) AS first, max(seq) AS last, count(*) AS n
      FROM change_log AS c WHERE c.user_id = s.user_id AND c.seq > s.log_start) AS l
    WHERE l.n <> s.seq - s.log_start
      OR (l.n > 0 AND (l.first, l.last) <> (s.log_start + 1, s.seq))) AS gaps,
  (SELECT count(*) FROM expenses AS e
    JOIN LATERAL (SELECT version, at, snapshot FROM change_log AS c
      WHERE c.expense_id = e.id ORDER BY seq DESC LIMIT 1) AS c ON true
    WHERE c.version <> e.version OR c.at <> e.updated_at
      OR jsonb_populate_record(e, c.snapshot) IS DISTINCT FROM e) AS images,
  (SELECT count(*) FROM expenses AS e
    WHERE (SELECT count(*) FROM change_log AS c WHERE c.expense_id = e.id) <> e.version) AS versions
"""
AGREED = {"rollups": 0, "gaps": 0, "images": 0, "versions": 0}
"""Rollups as the rows, sequence without gaps, snapshots as rows, all logged."""


async def differences(database: Database) -> dict[str, int]:
    """How many there are of each kind; `AGREED` when all is well."""
    async with database.transaction() as connection:
        return dict((await connection.exec_driver_sql(DIFFERENCES)).mappings().one())


def expense(**fields: object) -> Expense:
    """A new expense with a plain value for every field that is not given."""
    return replace(records.expense(1250, "EUR", "2026-05-31", description="Lunch"), **fields)
