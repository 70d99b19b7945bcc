"""A page of events reads what it shows, the first one and one far behind it."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from auth_service.database import Database
from auth_service.events.repository import page_statement

ADA = UUID("01900000-0000-7000-8000-000000000001")


@pytest.fixture
async def ids(urls: dict[str, str]) -> list[UUID]:
    """The ids of 400 events of a user, the latest first, among 79,600 of others."""
    connection = await asyncpg.connect(urls["owner"])
    await connection.execute(
        "INSERT INTO security_events (user_id, type)"
        " SELECT CASE WHEN n % 200 = 0 THEN $1 ELSE gen_random_uuid() END, 'signed_in'"
        " FROM generate_series(1, 80000) AS n",
        ADA,
    )
    await connection.execute("ANALYZE security_events")
    rows = await connection.fetch(
        "SELECT id FROM security_events WHERE user_id = $1 ORDER BY id DESC", ADA
    )
    await connection.close()
    return [row["id"] for row in rows]


async def plan(database: Database, before: UUID | None) -> list[dict[str, Any]]:
    """Every node of the plan as it ran."""
    async with database.transaction() as connection:
        compiled = page_statement(ADA, before, 51).compile(
            dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
        )
        values = tuple(compiled.params[name] for name in compiled.positiontup or [])
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}"
        result = await connection.exec_driver_sql(explain, values)
        nodes = [result.scalar_one()[0]["Plan"]]
    for node in nodes:
        nodes.extend(node.get("Plans", []))
    return nodes


async def test_page_eight_costs_what_page_one_costs(database: Database, ids: list[UUID]) -> None:
    for place in (None, 50, 200, 349):
        nodes = await plan(database, None if place is None else ids[place])
        indexes = {node["Index Name"] for node in nodes if "Index Name" in node}
        assert indexes == {"security_events_user_id_id_idx"}, place
        assert max(node["Actual Rows"] for node in nodes) <= 51, place
        assert not any(node.get("Rows Removed by Filter", 0) for node in nodes), place
