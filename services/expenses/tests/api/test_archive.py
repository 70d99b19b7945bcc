"""The archive of all of a user's data."""

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from expenses_service.database import Database
from expenses_service.transfer import snapshots
from tests.conftest import client_of
from tests.expense_calls import ADA, PATH, made, url
from tests.records import expense, record
from tests.tokens import SigningKey, access_claims, user_id

ARCHIVE = f"{PATH}/archive"
CATEGORIES = "/api/v1/categories"


async def archived(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    response = await client.get(ARCHIVE)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def of_type(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [
        {k: v for k, v in line.items() if k != "type"} for line in lines if line["type"] == kind
    ]


async def test_it_holds_all_that_there_is(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    await made(bob, description="his")
    await ada.post(CATEGORIES, json={"name": "Zoo"})
    await ada.patch(f"{CATEGORIES}/food", json={"name": "Eating", "archived": True})
    await ada.delete(f"{CATEGORIES}/work")
    first = await made(
        ada, category="zoo", notes="a\u2028b", tags=["a"], source="s", external_id="1"
    )
    gone = await made(ada, spent_on="1990-01-01")
    await ada.patch(url(first), json={"amount": "13"})
    await ada.delete(url(gone))
    lines = await archived(ada)
    assert [line["type"] for line in lines] == [
        "user", *["category"] * 3, *["expense"] * 2, *["change"] * 4, "end",
    ]  # fmt: skip
    assert lines[0] == {"type": "user", "id": str(ADA), "seq": 4}
    assert lines[-1] == {"type": "end", "categories": 3, "expenses": 2, "changes": 4}
    categories = {line["slug"]: line for line in of_type(lines, "category")}
    assert categories == {
        "zoo": {
            "slug": "zoo", "name": "Zoo", "archived": False, "version": 1, "deleted": False,
        },
        "food": {
            "slug": "food", "name": "Eating", "archived": True, "version": 2, "deleted": False,
        },
        "work": {
            "slug": "work", "name": "Work", "archived": False, "version": 2, "deleted": True,
        },
    }  # fmt: skip
    histories = [(await ada.get(f"{url(each)}/history")).json()["items"] for each in (first, gone)]
    assert of_type(lines, "expense") == [history[-1]["expense"] for history in histories]
    changes = of_type(lines, "change")
    assert [change["seq"] for change in changes] == [1, 2, 3, 4]
    for history in histories:
        mine = [change for change in changes if change["id"] == history[0]["expense"]["id"]]
        assert [{name: change[name] for name in history[0]} for change in mine] == history
    assert "his" not in json.dumps(lines)


async def test_of_nothing_it_says_so(ada: httpx.AsyncClient) -> None:
    assert await archived(ada) == [
        {"type": "user", "id": str(ADA), "seq": 0},
        {"type": "end", "categories": 0, "expenses": 0, "changes": 0},
    ]


@pytest.mark.parametrize("count", [snapshots.READ_AT_ONCE, snapshots.READ_AT_ONCE + 1, 1001])
async def test_every_line_is_there_once(
    ada: httpx.AsyncClient, database: Database, count: int
) -> None:
    rows = [expense(number + 1, "EUR", "2026-05-31") for number in range(count)]
    await record(database, ADA, *rows)
    lines = await archived(ada)
    assert [line["id"] for line in of_type(lines, "expense")] == [str(row.id) for row in rows]
    assert [line["seq"] for line in of_type(lines, "change")] == list(range(1, count + 1))


async def test_its_tag_names_the_data_and_the_user(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    tags = [(await client.get(ARCHIVE)).headers["etag"] for client in (ada, bob)]
    assert tags[0] != tags[1]
    same = {"If-None-Match": tags[0]}
    again = await ada.get(ARCHIVE, headers=same)
    assert (again.status_code, again.content) == (304, b"")
    assert (await bob.get(ARCHIVE, headers=same)).status_code == 200
    await ada.post(CATEGORIES, json={"name": "Zoo"})
    second = await ada.get(ARCHIVE, headers=same)
    assert second.status_code == 200
    await made(ada)
    assert (await ada.get(ARCHIVE)).headers["etag"] not in {*tags, second.headers["etag"]}


async def test_it_is_saved_under_a_name(ada: httpx.AsyncClient) -> None:
    headers = (await ada.get(ARCHIVE)).headers
    assert headers["content-disposition"].startswith('attachment; filename="expenses-archive-20')
    assert headers["cache-control"] == "private, no-cache"


async def test_who_may_have_it(
    app: FastAPI, anonymous: httpx.AsyncClient, signing_key: SigningKey
) -> None:
    response = await anonymous.get(f"{ARCHIVE}?x=1")
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    for scope, status in (("expenses:read", 200), ("expenses:write profile:read", 403)):
        token = signing_key.token(access_claims(user_id(1), scope=scope))
        async with client_of(app, token) as client:
            assert (await client.get(ARCHIVE)).status_code == status


async def test_it_is_asked_for_in_one_way(ada: httpx.AsyncClient) -> None:
    response = await ada.get(f"{ARCHIVE}?format=csv")
    assert (response.status_code, response.json()["errors"][0]["parameter"]) == (422, "format")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        response = await ada.request(method, ARCHIVE)
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
