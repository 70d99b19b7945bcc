"""Writes read the rows they are about, also when Postgres knows nothing of the others yet."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.bulk.repository import find_all
from expenses_service.changes.models import Change
from expenses_service.changes.repository import lock_user, move_category, update_expenses
from expenses_service.database import Database
from expenses_service.direct import Direct
from expenses_service.expenses.recording import record_free
from expenses_service.transfer.removal import erase_some
from tests import postgres
from tests.expense_calls import ADA
from tests.recorders import known, new
from tests.records import flood, flooding
from tests.tokens import user_id

MANY, SOME = 20_000, 100
TABLES = ("expenses", "change_log", "idempotency")
BOB, CY = user_id(2), user_id(3)

READ = """
SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint
FROM pg_stat_xact_user_tables WHERE relname = ANY ($1::text[])
"""
"""Rows of these tables that the present transaction has read."""

KEYS = """
INSERT INTO idempotency (user_id, method, path, key, fingerprint, status, body, created_at)
SELECT uuidv7(), 'POST', '/', n::text, 'f', 201, 'b', now() FROM generate_series(1, {}) AS n
"""


@pytest.fixture
async def unanalysed(urls: dict[str, str]) -> AsyncIterator[str]:
    """Nothing counts rows but the test; the owner's address."""
    for table in TABLES:
        await postgres.execute(urls["owner"], f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    yield urls["owner"]
    for table in TABLES:
        await postgres.execute(urls["owner"], f"ALTER TABLE {table} RESET (autovacuum_enabled)")


@pytest.fixture(params=["before", "during"])
async def unknown(request: pytest.FixtureRequest, unanalysed: str) -> None:
    """ADA's many rows, and statistics of others from before, or from the midst of her import."""
    if request.param == "before":
        for number in range(10, 20):
            await flood(unanalysed, user_id(number), SOME)
        await postgres.execute(unanalysed, "ANALYZE")
        await flood(unanalysed, ADA, MANY)
    else:
        async with flooding(unanalysed, ADA, MANY):
            await postgres.execute(unanalysed, "ANALYZE")


async def read(connection: AsyncConnection) -> int:
    return int((await connection.exec_driver_sql(READ, (list(TABLES),))).scalar_one())


@pytest.mark.usefixtures("unknown")
async def test_an_erasure(database: Database) -> None:
    async with database.transaction() as connection:
        await lock_user(connection, ADA)
        assert await erase_some(connection, ADA, SOME) == SOME
        assert await read(connection) <= 10 * SOME


async def test_a_category_s_move(database: Database, urls: dict[str, str]) -> None:
    """Without an index the table is read once, to choose; what was chosen needs none."""
    await flood(urls["owner"], ADA, MANY)
    async with database.transaction() as connection:
        await lock_user(connection, ADA)
        for way in ("indexscan", "bitmapscan"):
            await connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        before = await read(connection)
        assert await move_category(connection, ADA, "food", "other", SOME) == SOME
        assert await read(connection) - before <= MANY


@pytest.mark.usefixtures("unknown")
@pytest.mark.parametrize("count", [1, SOME])
async def test_a_change(database: Database, count: int) -> None:
    async with database.transaction() as connection:
        ids = "SELECT id FROM expenses WHERE user_id = $1 LIMIT $2"
        wanted = (await connection.exec_driver_sql(ids, (ADA, count))).scalars().all()
        rows = await find_all(connection, ADA, wanted)
        await lock_user(connection, ADA)
        before = await read(connection)
        changes = [Change("updated", replace(row, version=2, notes="x")) for row in rows]
        await update_expenses(connection, ADA, changes)
        assert await read(connection) - before <= 3 * count


class OneConnection(Direct):
    """A way to Postgres by a connection that tells what it has read."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._only = connection

    async def fetch(self, statement: str, *arguments: Any) -> Sequence[asyncpg.Record]:  # noqa: ANN401 - what asyncpg takes
        """In the transaction that the test has begun."""
        return await self._only.fetch(statement, *arguments)


@pytest.mark.parametrize("count", [1, SOME])
async def test_creates_by_a_plan_from_when_there_was_little(
    database: Database, unanalysed: str, count: int
) -> None:
    def sent(begin: int) -> list[tuple[Any, Any]]:
        names = [f"{number}" for number in range(begin, begin + count)]
        return [(BOB, new(name, BOB, source="bank", external_id=name)) for name in names]

    await known(database, [BOB])
    await flood(unanalysed, CY, 60)
    await postgres.execute(unanalysed, KEYS.format(60), "ANALYZE")
    connection = await database.connect()
    try:
        direct = OneConnection(connection)
        assert len((await record_free(direct, sent(0))).recorded) == count
        await flood(unanalysed, ADA, MANY)
        await postgres.execute(unanalysed, KEYS.format(MANY))
        async with connection.transaction():
            assert len((await record_free(direct, sent(count))).recorded) == count
            assert await connection.fetchval(READ, list(TABLES)) <= count
    finally:
        await connection.close()
