"""How large and how deep a bulk request may be, and what it costs."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from expenses_service.bulk import service
from expenses_service.bulk.rules import MOST_METADATA
from expenses_service.database import Database
from tests.bulk_calls import BULK, blamed, bulk, counts, create, delete, statuses, update
from tests.expense_calls import PATH, logged

JSON = {"Content-Type": "application/json"}


@contextmanager
def counted(app: FastAPI) -> Iterator[list[str]]:
    """The statements that Postgres is sent."""
    engine = app.state.resources.database.engine.sync_engine
    seen: list[str] = []

    def note(*arguments: object) -> None:
        seen.append(str(arguments[2]))

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


async def test_a_thousand_operations_are_few_statements(
    app: FastAPI, ada: httpx.AsyncClient
) -> None:
    rows = [each["expense"] for each in (await bulk(ada, *[create()] * 500))["results"]]
    assert [each["id"] for each in rows] == sorted(each["id"] for each in rows)
    names = [create(source="s", external_id=str(number)) for number in range(300)]
    changes = [update(row, notes="x", tags=["a"]) for row in rows[:400]]
    changes += [update(row, category="food") for row in rows[:200]]
    with counted(app) as seen:
        answer = await bulk(ada, *names, *changes, *[delete(row) for row in rows[400:]])
    assert counts(answer) == (300, 600, 100, 0)
    assert len(seen) <= 6
    summary = await ada.get("/api/v1/expenses/summary", params={"group_by": "category"})
    groups = {each["key"]["category"]: each["count"] for each in summary.json()["groups"]}
    assert groups == {"food": 200, "other": 500}


async def test_what_is_wrong_with_a_thousand_leaves_others_their_turn(
    ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To say so takes long enough that all would wait for it."""
    turns, before, parsed = 0, [], service._parsed  # noqa: SLF001 - what takes so long

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def noted(value: object) -> object:
        before.append(turns)
        return parsed(value)

    monkeypatch.setattr(service, "_parsed", noted)
    waiting = asyncio.create_task(others())
    unknown = {"op": "create", "expense": {f"x{n}": 0 for n in range(20)}}
    answer = await ada.post(BULK, json={"operations": [unknown] * 1000, "mode": "partial"})
    waiting.cancel()
    assert answer.status_code == 200
    assert len(before) == 1000
    assert before[-1] - before[0] >= 1000 // 16 - 1


async def test_a_thousand_and_one_are_refused(ada: httpx.AsyncClient, database: Database) -> None:
    response = await ada.post(BULK, json={"operations": [create()] * 1001})
    assert blamed(response) == [("/operations", "too_long")]
    assert await logged(database) == 0


@pytest.mark.parametrize(
    ("body", "blame"),
    [
        ({}, [("/operations", "required")]),
        ({"operations": None}, [("/operations", "list_type")]),
        ({"operations": {}}, [("/operations", "list_type")]),
        ({"operations": [], "mode": "some"}, [("/mode", "literal_error")]),
        ({"operations": [], "mode": None}, [("/mode", "literal_error")]),
        ({"operations": [], "dry_run": "true"}, [("/dry_run", "bool_type")]),
        ({"operations": [], "dryrun": True}, [("/dryrun", "unknown_field")]),
        ([], [("", "model_type")]),
    ],
)
async def test_what_is_no_request(
    ada: httpx.AsyncClient, body: object, blame: list[tuple[str, str]]
) -> None:
    response = await ada.post(BULK, json=body)
    assert blamed(response) == blame
    assert "instance of" not in response.text


async def test_eight_mib_pass_and_no_more(ada: httpx.AsyncClient) -> None:
    head, tail = b'{"operations":[', b"]}"
    limit = 8 * 1024 * 1024
    padding = b" " * (limit - len(head) - len(tail))
    assert (await ada.post(BULK, content=head + padding + tail, headers=JSON)).status_code == 200
    more = head + padding + b" " + tail
    declared = await ada.post(BULK, content=more, headers=JSON)
    assert (declared.status_code, declared.json()["code"]) == (413, "body_too_large")

    async def chunks() -> AsyncIterator[bytes]:
        yield more

    assert (await ada.post(BULK, content=chunks(), headers=JSON)).status_code == 413
    assert (await ada.post(PATH, content=padding, headers=JSON)).status_code == 413


async def test_full_operations_fill_a_body(ada: httpx.AsyncClient, database: Database) -> None:
    metadata = {f"k{number}": "v" * 100 for number in range(50)}
    full = create(notes="n" * 1900, metadata=metadata, tags=[f"t{n}" for n in range(20)])
    body = json.dumps({"operations": [full] * 1000})
    assert len(body) > 7 * 1024 * 1024
    assert (await ada.post(BULK, content=body, headers=JSON)).status_code == 200
    assert await logged(database) == 1000


@pytest.mark.parametrize("depth", [100, 850, 900, 930, 960, 990, 2000, 100_000])
async def test_deep_nesting_is_the_clients_mistake(ada: httpx.AsyncClient, depth: int) -> None:
    body = '{"mode":"partial","operations":[' + "[" * depth + "]" * depth + "]}"
    for key in ({}, {"Idempotency-Key": f"deep-{depth}"}):
        response = await ada.post(BULK, content=body, headers=JSON | key)
        assert response.status_code in {200, 400}
        if response.status_code == 400:
            assert response.json()["code"] == "malformed_json"


LARGE = {f"{n:040}": "x" * 500 for n in range(50)}
STORED = MOST_METADATA // len(json.dumps(LARGE))
"""So many expenses with it may be changed at once."""
TIMES = MOST_METADATA // len(json.dumps(LARGE, separators=(",", ":")))
"""So many times may one of them."""


@pytest.fixture
async def large(ada: httpx.AsyncClient) -> list[dict[str, Any]]:
    """More of them than can be changed at once."""
    rows: list[dict[str, Any]] = []
    while len(rows) <= STORED:
        some = [create(metadata=LARGE)] * min(200, STORED + 1 - len(rows))
        rows += [each["expense"] for each in (await bulk(ada, *some))["results"]]
    return rows


async def test_large_expenses_go_in_several_requests(
    ada: httpx.AsyncClient, database: Database, large: list[dict[str, Any]]
) -> None:
    before = await logged(database)
    for operations in ([update(row, notes="x") for row in large], [delete(row) for row in large]):
        for mode in ("atomic", "partial"):
            body = {"mode": mode, "operations": operations}
            refused = await ada.post(BULK, json=body)
            assert blamed(refused) == [("/operations", "too_large")]
            assert "16 MiB" in refused.json()["errors"][0]["detail"]
    assert await logged(database) == before
    answer = await bulk(ada, *[update(row, notes="x") for row in large[:STORED]])
    assert counts(answer) == (0, STORED, 0, 0)
    answer = await bulk(ada, *[delete(row) for row in large[1:]])
    assert counts(answer) == (0, 0, STORED, 0)


async def test_one_that_is_large_is_changed_so_many_times(ada: httpx.AsyncClient) -> None:
    """Also where it is large by the first of the changes."""
    row = (await bulk(ada, create()))["results"][0]["expense"]
    first = update(row, metadata=LARGE)
    more = [update(row, notes=f"{number}") for number in range(TIMES)]
    refused = await ada.post(BULK, json={"mode": "atomic", "operations": [first, *more]})
    assert blamed(refused) == [(f"/operations/{TIMES}/changes", "too_large")]
    answer = await bulk(ada, first, *more, create(), mode="partial")
    assert counts(answer) == (1, TIMES, 0, 1)
    assert statuses(answer)[-2:] == [422, 201]
    same = [update(row, notes=f"{TIMES - 2}")] * (TIMES + 1)  # is answered with all of it too
    assert counts(await bulk(ada, *same, mode="partial")) == (0, TIMES, 0, 1)
