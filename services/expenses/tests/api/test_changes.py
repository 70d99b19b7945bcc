"""GET /changes: what a client needs to keep a copy."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from expenses_service.database import Database
from tests.conftest import client_of
from tests.expense_calls import ADA, PATH, made, url
from tests.records import expense, record
from tests.tokens import SigningKey, access_claims

FEED = "/api/v1/changes"


async def feed(client: httpx.AsyncClient, since: int = 0, **more: int) -> dict[str, Any]:
    response = await client.get(FEED, params={"since": since, **more})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def erase(database: Database) -> None:
    """What an erasure leaves: nothing, under the number of a change of its own."""
    async with database.transaction() as connection:
        for statement in (
            "DELETE FROM change_log",
            "DELETE FROM expenses",
            "UPDATE user_state SET seq = seq + 1, log_start = seq + 1",
        ):
            await connection.exec_driver_sql(statement)


async def test_each_write_is_an_item(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    first = await made(ada)
    second = await made(ada, notes="n")
    changed = (await ada.patch(url(first), json={"notes": "x"})).json()
    await ada.delete(url(second))
    restored = (await ada.post(f"{url(second)}/restore")).json()
    await made(bob)
    assert await feed(ada) == {
        "items": [
            {"seq": 1, "action": "created", "id": first["id"], "expense": first},
            {"seq": 2, "action": "created", "id": second["id"], "expense": second},
            {"seq": 3, "action": "updated", "id": first["id"], "expense": changed},
            {"seq": 4, "action": "deleted", "id": second["id"], "expense": None},
            {"seq": 5, "action": "restored", "id": second["id"], "expense": restored},
        ],
        "next_since": 5,
        "has_more": False,
    }


async def test_an_expense_is_the_very_one_that_was_answered(ada: httpx.AsyncClient) -> None:
    expense = await ada.post(
        PATH,
        json={
            "amount": "1.5", "currency": "KWD", "description": "Ü", "metadata": {"bb": "", "a": "x"}
        },
    )  # fmt: skip
    assert expense.content in (await ada.get(FEED)).content


async def test_without_a_write_there_is_nothing(ada: httpx.AsyncClient) -> None:
    empty: dict[str, Any] = {"items": [], "next_since": 0, "has_more": False}
    assert await feed(ada) == empty
    assert (await ada.get(FEED)).json() == empty


async def test_pages_lead_on_without_a_gap(ada: httpx.AsyncClient, database: Database) -> None:
    await record(database, ADA, *(expense(1, "EUR", "2026-05-01") for _ in range(1002)))
    page = await feed(ada, limit=1000)
    assert (len(page["items"]), page["next_since"], page["has_more"]) == (1000, 1000, True)
    rest = await feed(ada, 1000, limit=1)
    assert ([each["seq"] for each in rest["items"]], rest["has_more"]) == ([1001], True)
    last = await feed(ada, 1001, limit=1)
    assert ([each["seq"] for each in last["items"]], last["has_more"]) == ([1002], False)
    end = await feed(ada, 1002)
    assert end == {"items": [], "next_since": 1002, "has_more": False}
    assert len((await feed(ada))["items"]) == 100


async def test_a_copy_stays_true_while_others_write(
    app: FastAPI, signing_key: SigningKey, ada: httpx.AsyncClient
) -> None:
    copy: dict[str, Any] = {}
    writing = True

    async def write(number: int) -> None:
        async with client_of(app, signing_key.token(access_claims(ADA))) as client:
            for step in range(8):
                mine = await made(client, notes=f"{number}/{step}")
                await client.patch(url(mine), json={"notes": None})
                if step % 2:
                    await client.delete(url(mine))

    async def follow() -> None:
        since = 0
        while writing or (await feed(ada, since))["items"]:
            page = await feed(ada, since, limit=3)
            seqs = [each["seq"] for each in page["items"]]
            assert seqs == list(range(since + 1, since + 1 + len(seqs)))
            copy.update({each["id"]: each["expense"] for each in page["items"]})
            since = page["next_since"]

    follower = asyncio.create_task(follow())
    await asyncio.gather(*(write(number) for number in range(4)))
    writing = False
    await follower
    live = (await ada.get(PATH, params={"limit": 200})).json()["items"]
    assert {key: value for key, value in copy.items() if value is not None} == {
        each["id"]: each for each in live
    }
    assert len(copy) == 32


@pytest.mark.parametrize(
    "since", [1, 10**12, 2**63 - 1], ids=["the next", "far away", "the greatest"]
)
async def test_a_place_that_is_not_there_yet(ada: httpx.AsyncClient, since: int) -> None:
    """As after a backup was restored: the client has seen what is not there any more."""
    response = await ada.get(FEED, params={"since": since})
    assert (response.status_code, response.json()["code"]) == (410, "resync_required")
    await made(ada)
    assert (await ada.get(FEED, params={"since": 1})).status_code == 200
    for condition in ("*", response.headers.get("etag", '"x"')):
        again = await ada.get(FEED, params={"since": 2}, headers={"If-None-Match": condition})
        assert again.status_code == 410


async def test_a_place_before_an_erasure(ada: httpx.AsyncClient, database: Database) -> None:
    for _ in range(3):
        await made(ada)
    await erase(database)
    for since in (1, 2, 3):
        response = await ada.get(FEED, params={"since": since})
        assert (response.status_code, response.json()["code"]) == (410, "resync_required")
    nothing: dict[str, Any] = {"items": [], "next_since": 4, "has_more": False}
    assert await feed(ada) == nothing
    assert await feed(ada, 4) == nothing
    new = await made(ada)
    item = {"seq": 5, "action": "created", "id": new["id"], "expense": new}
    assert (await feed(ada))["items"] == (await feed(ada, 4))["items"] == [item]


async def test_not_modified(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    await made(ada)
    await made(bob)
    first = await ada.get(FEED)
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["vary"] == "Cookie, Authorization"
    condition = {"If-None-Match": first.headers["etag"]}
    again = await ada.get(FEED, headers=condition)
    assert (again.status_code, again.content) == (304, b"")
    assert (await bob.get(FEED, headers=condition)).status_code == 200
    for other in ({"since": 1}, {"limit": 99}):
        assert (await ada.get(FEED, params=other, headers=condition)).status_code == 200
    await made(ada)
    assert (await ada.get(FEED, headers=condition)).status_code == 200


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("limit=0", "greater_than_equal", "limit"),
        ("limit=1001", "less_than_equal", "limit"),
        ("limit=", "int_parsing", "limit"),
        ("limit=1.0", "int_parsing", "limit"),
        ("since=-1", "int_parsing", "since"),
        ("since=x", "int_parsing", "since"),
        ("since=%2B1", "int_parsing", "since"),
        (f"since={2**63}", "less_than_equal", "since"),
        (f"since={10**19}", "int_parsing", "since"),
        ("since=0&since=0", "duplicate_parameter", "since"),
        ("sinse=0", "unknown_parameter", "sinse"),
        ("cursor=x", "unknown_parameter", "cursor"),
    ],
)
async def test_parameters_are_strict(
    ada: httpx.AsyncClient, query: str, code: str, parameter: str
) -> None:
    response = await ada.get(f"{FEED}?{query}")
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert (error["code"], error["parameter"]) == (code, parameter)
    assert error.get("suggestion") == ("since" if parameter == "sinse" else None)


async def test_limits_at_their_edges(ada: httpx.AsyncClient) -> None:
    await made(ada)
    for limit in (1, 1000):
        assert len((await feed(ada, limit=limit))["items"]) == 1


async def test_who_may_read_it(
    app: FastAPI, anonymous: httpx.AsyncClient, ada: httpx.AsyncClient, signing_key: SigningKey
) -> None:
    assert (await anonymous.get(FEED)).status_code == 401
    token = signing_key.token(access_claims(ADA, scope="expenses:write"))
    async with client_of(app, token) as writer:
        assert (await writer.get(FEED)).json()["code"] == "insufficient_scope"
    wrong = await ada.post(FEED, json={})
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD")
