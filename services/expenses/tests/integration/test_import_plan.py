"""An import reads its user's rows by index, however many others there are."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.changes.repository import lock_user
from expenses_service.database import Database
from expenses_service.transfer import merge, statements
from tests import postgres
from tests.records import flood
from tests.tokens import user_id

OTHERS = 20_000
MINE = 500


async def rows(count: int) -> AsyncIterator[bytes]:
    """So many rows as a parser writes them."""
    yield "".join(
        f"{n + 2},,0,expense,1250,EUR,2026-05-31,Lunch {n},,food,{{}},,,{{}},bank,{n}\n"
        for n in range(count)
    ).encode()


@pytest.fixture
async def crowded(urls: dict[str, str]) -> None:
    await flood(urls["owner"], user_id(2), OTHERS)
    await flood(urls["owner"], user_id(1), MINE)
    await postgres.execute(urls["owner"], "ANALYZE")


async def touched(connection: AsyncConnection, statement: str, *values: object) -> list[int]:
    """Run it; how many rows of `expenses` each of its scans went through."""
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
    nodes = [(await connection.exec_driver_sql(explain, values)).scalar_one()[0]["Plan"]]
    for node in nodes:
        nodes.extend(node.get("Plans", []))
    return [
        round(node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)))
        for node in nodes
        if node.get("Relation Name") == "expenses" and "Scan" in node["Node Type"]
    ]


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("count", [10, 3000])
async def test_nobody_else_s_rows_are_read(database: Database, count: int) -> None:
    user = user_id(1)
    async with database.transaction() as connection:
        await merge.stage(connection, 30, rows(count))
        await lock_user(connection, user)
        seen = await touched(connection, statements.PLAN, user, ["food"])
        now = (await connection.exec_driver_sql("SELECT now()")).scalar_one()
        for statement, values in (
            (statements.SUBTRACT, (user,)),
            (statements.INSERT, (user, now)),
            (statements.UPDATE, (user, now)),
            (statements.ADD, (user,)),
            (statements.LOG, (user, now, count)),
        ):
            seen += await touched(connection, statement, *values)
    assert len(seen) >= 6
    assert max(seen) <= MINE + count
