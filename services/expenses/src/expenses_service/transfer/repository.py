"""Reads a user's expenses as they were at one moment."""

from collections.abc import AsyncIterator, Sequence
from typing import Final
from uuid import UUID

from msgspec import json
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.changes.rules import expense_of
from expenses_service.expenses.models import Expense, expenses
from expenses_service.transfer.pins import Pin

PINNED_AT_ONCE: Final = 5000

_NEWEST_FIRST: Final = (expenses.c.spent_on.desc(), expenses.c.id.desc())
_ONE_SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

# `IS TRUE` leaves the key of a version as the only way to it. After an import Postgres does not yet
# know how many rows the user has, and would rather read all of them for every batch: 300 ms, not 4.
IMAGES: Final = """
SELECT c.snapshot::text AS snapshot
FROM unnest($2::uuid[], $3::integer[]) WITH ORDINALITY AS p (id, version, ord)
JOIN change_log AS c
  ON c.expense_id = p.id AND c.version = p.version AND (c.user_id = $1::uuid) IS TRUE
ORDER BY p.ord
"""


async def hold_snapshot(connection: AsyncConnection) -> None:
    """Let all statements of the transaction see one state; its first statement."""
    await connection.exec_driver_sql(_ONE_SNAPSHOT)


async def pins(
    connection: AsyncConnection, wanted: Sequence[ColumnElement[bool]]
) -> AsyncIterator[Sequence[Pin]]:
    """Ids and present versions of the expenses that fulfil `wanted`, newest day first."""
    found = select(expenses.c.id, expenses.c.version).where(*wanted).order_by(*_NEWEST_FIRST)
    options = {"yield_per": PINNED_AT_ONCE}
    async with connection.stream(found, execution_options=options) as result:
        async for rows in result.partitions():
            yield [(row.id, row.version) for row in rows]


async def images(
    connection: AsyncConnection, user_id: UUID, pinned: Sequence[Pin]
) -> list[Expense]:
    """These versions of the user's expenses, in this order, without those erased meanwhile."""
    ids, versions = zip(*pinned, strict=True)
    rows = await connection.exec_driver_sql(IMAGES, (user_id, ids, versions))
    return [expense_of(json.decode(row.snapshot)) for row in rows]
