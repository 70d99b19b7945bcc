"""Takes the rows of a file over into a user's expenses; every call is within one transaction."""

from collections.abc import AsyncIterator, Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.database import copy_csv
from expenses_service.transfer import statements
from expenses_service.transfer.models import MAX_FAULTS, Plan, Refusal


async def stage(connection: AsyncConnection, seconds: float, rows: AsyncIterator[bytes]) -> None:
    """Bring checked rows to the database, where only this transaction sees them.

    From here on each of its statements may take `seconds`.
    """
    await connection.exec_driver_sql(statements.SETTINGS, (f"{seconds * 1000:.0f}ms",))
    await connection.exec_driver_sql(statements.STAGE)
    await copy_csv(connection, "incoming", statements.COLUMNS, rows)
    await connection.exec_driver_sql(statements.ANALYZE_STAGED)


async def categories(connection: AsyncConnection) -> list[str]:
    """The categories that staged rows name."""
    return [row.category for row in await connection.exec_driver_sql(statements.CATEGORIES)]


async def plan(connection: AsyncConnection, user_id: UUID, usable: Collection[str]) -> Plan:
    """Match the staged rows with the user's expenses; the caller holds the user's lock.

    Rows that would put an expense into a category that is not `usable` are refused.
    """
    await connection.exec_driver_sql(statements.PLAN, (user_id, sorted(usable)))
    await connection.exec_driver_sql(statements.ANALYZE_PLANNED)
    counts = (await connection.exec_driver_sql(statements.COUNT)).one()
    rows = (await connection.exec_driver_sql(statements.REFUSED, (MAX_FAULTS,))).all()
    refusals = [Refusal(row.line, row.refusal, row.first, row.category) for row in rows]
    refused = rows[0].refused if rows else 0
    return Plan(counts.created, counts.updated, counts.unchanged, refused, refusals)


async def categories_planned(connection: AsyncConnection) -> list[str]:
    """The categories that the rows name which will be written."""
    return [row.category for row in await connection.exec_driver_sql(statements.CATEGORIES_PLANNED)]


async def carry_out(
    connection: AsyncConnection, user_id: UUID, planned: Plan, now: datetime
) -> None:
    """Write what was planned: rows, sums and log; the caller holds the user's lock."""
    written = planned.created + planned.updated
    await connection.exec_driver_sql(statements.SUBTRACT, (user_id,))
    await connection.exec_driver_sql(statements.INSERT, (user_id, now))
    await connection.exec_driver_sql(statements.UPDATE, (user_id, now))
    await connection.exec_driver_sql(statements.ADD, (user_id,))
    logged = await connection.exec_driver_sql(statements.LOG, (user_id, now, written))
    if logged.rowcount != written:
        raise RuntimeError("an import needs the user's lock until it commits")


async def categories_used(connection: AsyncConnection) -> list[str]:
    """The categories of the expenses that were written."""
    return [row.category for row in await connection.exec_driver_sql(statements.CATEGORIES_USED)]
