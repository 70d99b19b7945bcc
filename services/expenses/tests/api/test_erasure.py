"""The erasure of all of a user's data."""

import asyncio
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from expenses_service.database import Database
from expenses_service.transfer import erasure, removal
from tests import postgres
from tests.conftest import client_of
from tests.expense_calls import ADA, DRAFT, PATH, made, url
from tests.ledger import DIFFERENCES
from tests.records import flood
from tests.tokens import SigningKey, access_claims, user_id
from tests.transfers import listed

CATEGORIES = "/api/v1/categories"
CHANGES = "/api/v1/changes"
SUMMARY = f"{PATH}/summary?group_by=category"
TABLES = ("expenses", "change_log", "rollups", "categories", "idempotency")


async def left(database: Database, user: UUID = ADA) -> dict[str, int]:
    """Rows of the user, by table."""
    counts = {}
    async with database.transaction() as connection:
        for table in TABLES:
            count = text(f"SELECT count(*) FROM {table} WHERE user_id = :user")  # noqa: S608 - ours
            counts[table] = (await connection.execute(count, {"user": user})).scalar_one()
    return {table: count for table, count in counts.items() if count}


async def erase(client: httpx.AsyncClient) -> None:
    response = await client.delete(f"{PATH}?confirm=everything")
    assert (response.status_code, response.content) == (204, b"")


async def filled(client: httpx.AsyncClient) -> None:
    await client.post(CATEGORIES, json={"name": "Zoo"})
    await client.post(PATH, json=DRAFT, headers={"Idempotency-Key": "once"})
    await client.delete(url(await made(client, category="zoo")))
    await client.patch(url(await made(client, source="s", external_id="1")), json={"notes": "n"})


async def test_all_of_it_is_gone_and_nobody_else_s(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, database: Database
) -> None:
    await filled(ada)
    await filled(bob)
    old = await listed(ada)
    his = await left(database, user_id(2))
    assert set(his) == set(TABLES)
    await erase(ada)
    assert await left(database) == {}
    assert await left(database, user_id(2)) == his
    assert await listed(ada) == []
    assert (await ada.get(SUMMARY)).json() == {"groups": [], "totals": []}
    for path in (url(old[0]), f"{url(old[0])}/history"):
        assert (await ada.get(path)).status_code == 404
    assert (await ada.post(f"{url(old[0])}/restore")).status_code == 404
    slugs = [item["slug"] for item in (await ada.get(CATEGORIES)).json()["items"]]
    assert (len(slugs), "zoo" in slugs) == (12, False)


async def test_the_sequence_goes_on_and_places_before_it_are_void(
    ada: httpx.AsyncClient, database: Database
) -> None:
    await filled(ada)
    before = (await ada.get(CHANGES)).json()["next_since"]
    await erase(ada)
    for since in (1, before):
        response = await ada.get(f"{CHANGES}?since={since}")
        assert (response.status_code, response.json()["code"]) == (410, "resync_required")
    empty = (await ada.get(CHANGES)).json()
    assert (empty["items"], empty["has_more"]) == ([], False)
    assert empty["next_since"] > before
    new = await made(ada)
    feed = (await ada.get(f"{CHANGES}?since={empty['next_since']}")).json()
    assert [item["id"] for item in feed["items"]] == [new["id"]]
    assert feed["items"][0]["seq"] == empty["next_since"] + 1
    async with database.transaction() as connection:
        assert tuple((await connection.execute(text(DIFFERENCES))).one()) == (0, 0, 0, 0)


async def test_nothing_of_it_comes_back_from_a_cache(ada: httpx.AsyncClient) -> None:
    """Also when as many changes are written again as there were before."""
    paths = (PATH, SUMMARY, f"{PATH}/export", f"{PATH}/archive")
    tags: dict[str, set[str]] = {path: set() for path in paths}
    for amount in range(1, 4):
        await made(ada, amount=amount, description="Lunch")
        for path in paths:
            tags[path].add((await ada.get(path)).headers["etag"])
    await erase(ada)
    for amount in range(5):
        for path in paths:
            response = await ada.get(path, headers={"If-None-Match": ", ".join(tags[path])})
            assert response.status_code == 200
            assert "Lunch" not in response.text
        assert sum(total["count"] for total in (await ada.get(SUMMARY)).json()["totals"]) == amount
        await made(ada, amount=amount + 1, description="Dinner")


async def test_a_kept_answer_is_gone_too(ada: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "once"}
    first = await ada.post(PATH, json=DRAFT, headers=key)
    await erase(ada)
    again = await ada.post(PATH, json=DRAFT, headers=key)
    assert (again.status_code, "idempotency-replayed" in again.headers) == (201, False)
    assert again.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("count", [0, 1, 5, 6, 23])
async def test_it_goes_in_batches(
    ada: httpx.AsyncClient,
    database: Database,
    urls: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    count: int,
) -> None:
    """Between any two of them the account is whole, with what is left, and open to others."""
    monkeypatch.setattr(erasure, "CHANGES_AT_ONCE", 5)
    await flood(urls["owner"], ADA, count)
    batch, seen = erasure._batch, []  # noqa: SLF001 - to look in between

    async def observed(database: Database, user: UUID) -> int | None:
        async with database.transaction() as connection:
            assert tuple((await connection.execute(text(DIFFERENCES))).one()) == (0, 0, 0, 0)
        seen.append(len(await listed(ada)))
        return await batch(database, user)

    monkeypatch.setattr(erasure, "_batch", observed)
    await erase(ada)
    assert seen == [max(count - 5 * done, 0) for done in range(-(-count // 5) + 1)]
    assert await left(database) == {}


async def test_what_is_written_meanwhile_is_gone_or_new(
    ada: httpx.AsyncClient,
    database: Database,
    urls: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(erasure, "CHANGES_AT_ONCE", 20)
    await flood(urls["owner"], ADA, 400)

    async def write() -> None:
        for number in range(30):
            await made(ada, description=f"new {number}")

    await asyncio.gather(erase(ada), write())
    async with database.transaction() as connection:
        assert tuple((await connection.execute(text(DIFFERENCES))).one()) == (0, 0, 0, 0)
    rest = await listed(ada)
    assert all(expense["description"].startswith("new") for expense in rest)
    assert len(rest) < 30
    await erase(ada)
    assert await left(database) == {}


async def test_one_that_is_cut_off_goes_on_when_asked_again(
    ada: httpx.AsyncClient,
    database: Database,
    urls: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(erasure, "CHANGES_AT_ONCE", 5)
    await flood(urls["owner"], ADA, 12)
    assert await erasure._batch(database, ADA) == 5  # noqa: SLF001 - and no more
    assert len(await listed(ada)) == 7
    await erase(ada)
    assert await left(database) == {}


async def test_who_has_nothing_has_nothing_to_lose(
    ada: httpx.AsyncClient, database: Database
) -> None:
    await erase(ada)
    async with database.transaction() as connection:
        count = text("SELECT count(*) FROM user_state")
        assert (await connection.execute(count)).scalar_one() == 0
    await ada.post(CATEGORIES, json={"name": "Zoo"})
    await erase(ada)
    assert await left(database) == {}


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("", "required", "confirm"),
        ("confirm=", "literal_error", "confirm"),
        ("confirm=all", "literal_error", "confirm"),
        ("confirm=everything&confirm=everything", "duplicate_parameter", "confirm"),
        ("confirm=everything&from=2026-01-01", "unknown_parameter", "from"),
    ],
)
async def test_it_must_be_meant(
    ada: httpx.AsyncClient, query: str, code: str, parameter: str
) -> None:
    expense = await made(ada)
    response = await ada.delete(f"{PATH}?{query}")
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["code"], error["parameter"]) == (code, parameter)
    assert await listed(ada) == [expense]


async def test_who_may_erase(
    app: FastAPI, ada: httpx.AsyncClient, anonymous: httpx.AsyncClient, signing_key: SigningKey
) -> None:
    expense = await made(ada)
    response = await anonymous.delete(PATH)
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    token = signing_key.token(access_claims(ADA, scope="expenses:read profile:write"))
    async with client_of(app, token) as reader:
        response = await reader.delete(f"{PATH}?confirm=everything")
    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")
    assert await listed(ada) == [expense]


async def test_it_reads_its_user_s_rows_alone(database: Database, urls: dict[str, str]) -> None:
    await flood(urls["owner"], user_id(2), 20_000)
    await flood(urls["owner"], ADA, 200)
    await postgres.execute(urls["owner"], "ANALYZE")
    async with database.transaction() as connection:
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {removal._ERASE}"  # noqa: SLF001 - as it is
        nodes = [(await connection.exec_driver_sql(explain, (ADA, 100))).scalar_one()[0]["Plan"]]
        for node in nodes:
            nodes.extend(node.get("Plans", []))
    for node in nodes:
        if node.get("Relation Name") in {"expenses", "change_log"} and "Scan" in node["Node Type"]:
            assert node["Actual Loops"] * node["Actual Rows"] <= 200, node
            assert node.get("Rows Removed by Filter", 0) == 0
