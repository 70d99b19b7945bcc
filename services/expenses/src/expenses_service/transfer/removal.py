"""Deletes what a user has, for good and some at a time."""

from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

_LOCK: Final = "SELECT seq FROM user_state WHERE user_id = $1::uuid FOR UPDATE"

# The oldest changes lead to the expenses, since only live ones are in an index by their user. Each
# is looked up by itself: of a new user Postgres expects one row, and would compare all with all.
# Under the user's lock a row stays in its place.
_ERASE: Final = """
WITH doomed AS MATERIALIZED (
  SELECT DISTINCT id FROM (
    SELECT expense_id AS id FROM change_log
    WHERE user_id = $1::uuid ORDER BY seq LIMIT $2::integer) AS oldest),
gone AS (
  DELETE FROM expenses AS e WHERE e.ctid = ANY (ARRAY(
    SELECT x.place FROM doomed AS d CROSS JOIN LATERAL (
      SELECT ctid AS place FROM expenses WHERE id = d.id AND user_id = $1::uuid OFFSET 0) AS x))
  RETURNING date_trunc('month', e.spent_on)::date AS month, e.category, e.currency, e.kind,
    e.amount, e.deleted_at IS NULL AS live),
unlogged AS (
  DELETE FROM change_log AS c WHERE c.ctid = ANY (ARRAY(
    SELECT x.place FROM doomed AS d CROSS JOIN LATERAL (
      SELECT ctid AS place FROM change_log
      WHERE expense_id = d.id AND (user_id = $1::uuid) IS TRUE OFFSET 0) AS x))),
rolled AS (
  INSERT INTO rollups AS r (user_id, month, category, currency, kind, n, total)
  SELECT $1::uuid, month, category, currency, kind, -count(*), -sum(amount)
  FROM gone WHERE live
  GROUP BY 2, 3, 4, 5
  ORDER BY 2, 3, 4, 5
  ON CONFLICT (user_id, month, category, currency, kind)
  DO UPDATE SET n = r.n + excluded.n, total = r.total + excluded.total)
SELECT count(*) AS erased FROM gone
"""

_ERASE_REST: Final = tuple(
    f"DELETE FROM {table} WHERE user_id = $1::uuid"  # noqa: S608 - the names are these three
    for table in ("rollups", "categories", "idempotency")
)

# A number of its own, so that no reply that was cached before is ever asked for again.
_MOVE_ON: Final = """
UPDATE user_state
SET seq = seq + 1, log_start = seq + 1
WHERE user_id = $1::uuid
"""

_USERS: Final = """
SELECT user_id FROM user_state WHERE seq > log_start UNION SELECT user_id FROM categories
ORDER BY user_id
"""


async def lock_known(connection: AsyncConnection, user_id: UUID) -> bool:
    """Take the user's row until the transaction ends, as every write does; False without a row."""
    return (await connection.exec_driver_sql(_LOCK, (user_id,))).one_or_none() is not None


async def erase_some(connection: AsyncConnection, user_id: UUID, changes: int) -> int:
    """Delete the expenses that the oldest `changes` are about, with their history; their number.

    Rows, log and sums still agree afterwards. The caller holds the user's lock.
    """
    found = await connection.exec_driver_sql(_ERASE, (user_id, changes))
    return int(found.scalar_one())


async def erase_rest(connection: AsyncConnection, user_id: UUID) -> None:
    """Delete all that is no expense; the caller holds the user's lock."""
    for statement in _ERASE_REST:
        await connection.exec_driver_sql(statement, (user_id,))


async def move_on(connection: AsyncConnection, user_id: UUID) -> None:
    """Void every place in the log that was given out, and every reply that was cached."""
    await connection.exec_driver_sql(_MOVE_ON, (user_id,))


async def users(connection: AsyncConnection) -> list[UUID]:
    """All who have something here."""
    return [UUID(str(row.user_id)) for row in await connection.exec_driver_sql(_USERS)]
