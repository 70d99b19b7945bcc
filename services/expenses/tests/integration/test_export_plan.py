"""What is sent of the log is what is read, also when Postgres knows nothing of its rows yet."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.changes import repository as changes
from expenses_service.changes.rules import PART_BYTES
from expenses_service.database import Database
from expenses_service.transfer import repository
from expenses_service.transfer.snapshots import READ_AT_ONCE
from tests import postgres
from tests.records import flood, flooding
from tests.tokens import user_id

MINE = 20_000


@pytest.fixture(params=["before", "during"])
async def unknown(request: pytest.FixtureRequest, urls: dict[str, str]) -> AsyncIterator[None]:
    """One user's many rows, and statistics from before or during the import that brought them."""
    owner = urls["owner"]
    await postgres.execute(owner, "ALTER TABLE change_log SET (autovacuum_enabled = off)")
    if request.param == "before":
        await flood(owner, user_id(1), MINE)
    else:
        async with flooding(owner, user_id(1), MINE):
            await postgres.execute(owner, "ANALYZE change_log")
    yield
    await postgres.execute(owner, "ALTER TABLE change_log RESET (autovacuum_enabled)")


async def scanned(connection: AsyncConnection, statement: str, *values: object) -> int:
    """Run it; how many rows of the log its scans went through."""
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
    nodes: list[dict[str, Any]]
    nodes = [(await connection.exec_driver_sql(explain, values)).scalar_one()[0]["Plan"]]
    for node in nodes:
        nodes.extend(node.get("Plans", []))
    return sum(
        round(node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)))
        for node in nodes
        if "Scan" in node["Node Type"]
        and "change_log" in (node.get("Relation Name") or node.get("Index Name") or "")
    )


@pytest.mark.usefixtures("unknown")
async def test_a_batch_is_looked_up_row_by_row(database: Database) -> None:
    async with database.transaction() as connection:
        wanted = "SELECT id, version FROM expenses ORDER BY id LIMIT $1"
        pins = (await connection.exec_driver_sql(wanted, (READ_AT_ONCE,))).all()
        ids, versions = zip(*pins, strict=True)
        given = (user_id(1), ids, versions, PART_BYTES)
        seen = await scanned(connection, repository.IMAGES, *given)
    assert READ_AT_ONCE <= seen <= 2 * READ_AT_ONCE  # a bitmap counts beside what it leads to


@pytest.mark.usefixtures("unknown")
async def test_a_history_is_looked_up_by_its_expense(database: Database) -> None:
    sent: list[tuple[str, tuple[object, ...]]] = []
    async with database.transaction() as connection:
        [one] = await connection.exec_driver_sql("SELECT id FROM expenses LIMIT 1")
        sync = connection.sync_connection
        event.listen(sync, "before_cursor_execute", lambda *call: sent.append((call[2], call[3])))
        assert await changes.versions_of(connection, user_id(1), one.id) is not None
        await changes.versions_after(connection, user_id(1), one.id, 0, 1)
        for statement, values in sent[:2]:
            assert 0 < await scanned(connection, statement, *values) <= 6
