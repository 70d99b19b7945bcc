"""Reads a user's expenses as they were at one moment."""

from collections.abc import AsyncIterator, Sequence
from itertools import takewhile
from typing import Final
from uuid import UUID

from msgspec import json
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.changes.models import change_log
from expenses_service.changes.rules import PART_BYTES, expense_of
from expenses_service.expenses.models import Expense, expenses
from expenses_service.transfer.pins import Pin

PINNED_AT_ONCE: Final = 5000

_ONE_SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

# A subquery for each pin, and `IS TRUE`, leave the key of a version as the only way to it. What
# Postgres knows of the table may be from before an import, or from its midst, when nothing of it is
# visible; a join then reads all rows of everybody for every batch: 500 ms, not 4.
IMAGES: Final = """
WITH found AS MATERIALIZED (
  SELECT p.ord, (
    SELECT c.snapshot FROM change_log AS c
    WHERE c.expense_id = p.id AND c.version = p.version AND (c.user_id = $1::uuid) IS TRUE
  )::text AS snapshot
  FROM unnest($2::uuid[], $3::integer[]) WITH ORDINALITY AS p (id, version, ord)),
sized AS (
  SELECT *, sum(octet_length(snapshot)) OVER (ORDER BY ord) - octet_length(snapshot) AS before
  FROM found)
SELECT ord, snapshot FROM sized WHERE before < $4::bigint ORDER BY ord
"""


async def hold_snapshot(connection: AsyncConnection) -> None:
    """Let all statements of the transaction see one state; its first statement."""
    await connection.exec_driver_sql(_ONE_SNAPSHOT)


def passing(wanted: Sequence[ColumnElement[bool]]) -> Select[UUID, int]:
    """The pins of the expenses that fulfil `wanted`, newest day first."""
    table = expenses.c
    newest_first = (table.spent_on.desc(), table.id.desc())
    return select(table.id, table.version).where(*wanted).order_by(*newest_first)


def ever(user_id: UUID) -> Select[UUID, int]:
    """The pins of all the user's expenses, deleted ones too, in the order of their creation."""
    log = change_log.c
    newest = select(log.expense_id, func.max(log.version)).where(log.user_id == user_id)
    return newest.group_by(log.expense_id).order_by(func.min(log.seq))


async def pins(
    connection: AsyncConnection, statement: Select[UUID, int]
) -> AsyncIterator[Sequence[Pin]]:
    """What the statement finds, some at a time."""
    options = {"yield_per": PINNED_AT_ONCE}
    async with connection.stream(statement, execution_options=options) as result:
        async for rows in result.partitions():
            yield [(expense, version) for expense, version in rows]


async def images(
    connection: AsyncConnection, user_id: UUID, pinned: Sequence[Pin]
) -> list[Expense]:
    """The first of these versions of the user's expenses: a part, up to one that was erased."""
    ids, versions = zip(*pinned, strict=True)
    rows = await connection.exec_driver_sql(IMAGES, (user_id, ids, versions, PART_BYTES))
    whole = takewhile(lambda row: row[0] == row[1].ord, enumerate(rows, start=1))
    return [expense_of(json.decode(row.snapshot)) for _, row in whole]


async def count_changes(connection: AsyncConnection, user_id: UUID) -> int:
    """How many the user's log has."""
    log = select(func.count()).select_from(change_log).where(change_log.c.user_id == user_id)
    return (await connection.execute(log)).scalar_one()
