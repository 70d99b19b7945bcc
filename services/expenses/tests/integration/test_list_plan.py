"""The list reads what it shows, on page 1 and far behind it (PERFORMANCE: keyset, not OFFSET)."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.database import Database
from expenses_service.expenses.cursors import Position
from expenses_service.expenses.filters import Filters
from expenses_service.expenses.repository import Slice, page_statement
from expenses_service.expenses.sorting import SORTS, SortName
from tests import postgres
from tests.ledger import expense
from tests.records import record
from tests.tokens import user_id

FIRST = date(2020, 1, 1)


@pytest.fixture
async def many(database: Database, urls: dict[str, str]) -> list[Position]:
    """The places of 3,000 expenses of a user, oldest first, beside 3,000 of another."""
    rows = [expense(spent_on=FIRST + timedelta(days=n // 3)) for n in range(3000)]
    for start in range(0, len(rows), 1000):
        await record(database, user_id(1), *rows[start : start + 1000])
        await record(database, user_id(2), *(expense() for _ in range(1000)))
    await postgres.execute(urls["owner"], "ANALYZE expenses")
    return sorted(
        (Position(row.spent_on.toordinal(), row.id) for row in rows),
        key=lambda place: (place.key, place.id),
    )


async def plan(connection: AsyncConnection, part: Slice) -> list[dict[str, Any]]:
    """Every node of the plan as it ran."""
    compiled = page_statement(user_id(1), Filters(), part).compile(
        dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
    )
    values = tuple(compiled.params[name] for name in compiled.positiontup or [])
    result = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}", values)
    nodes = [result.scalar_one()[0]["Plan"]]
    for node in nodes:
        nodes.extend(node.get("Plans", []))
    return nodes


@pytest.mark.parametrize("sort", list(SORTS))
@pytest.mark.parametrize("place", [None, 500, 1500, 2500])
async def test_a_page_reads_its_own_rows_from_the_index(
    database: Database, many: list[Position], sort: SortName, place: int | None
) -> None:
    part = Slice(SORTS[sort], None if place is None else many[place], 51)
    async with database.transaction() as connection:
        nodes = await plan(connection, part)
    [scan] = [node for node in nodes if node.get("Relation Name") == "expenses"]
    assert scan["Index Name"] == "expenses_list"
    assert scan["Actual Rows"] <= 51
    assert scan.get("Rows Removed by Filter", 0) == 0
    if place is not None:
        assert "ROW(" in scan["Index Cond"]
