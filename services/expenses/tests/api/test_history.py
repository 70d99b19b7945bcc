"""GET /expenses/{id}/history: every version, for as long as the expense is known at all."""

from uuid import uuid4

import httpx
from fastapi import FastAPI

from expenses_service.database import Database
from tests.conftest import client_of
from tests.expense_calls import ADA, made, url
from tests.tokens import SigningKey, access_claims


async def test_every_version_oldest_first(ada: httpx.AsyncClient) -> None:
    created = await made(ada, metadata={"b": "2", "a": "1"})
    target = url(created)
    await made(ada)
    updated = (await ada.patch(target, json={"amount": "13", "currency": "USD"})).json()
    await ada.patch(target, json={"amount": "13.00"})
    await ada.delete(target)
    gone = (await ada.get(f"{target}/history")).json()["items"][-1]
    restored = (await ada.post(f"{target}/restore")).json()
    response = await ada.get(f"{target}/history")
    assert response.status_code == 200
    assert response.json() == {
        "items": [
            {"version": 1, "action": "created", "at": created["updated_at"], "expense": created},
            {"version": 2, "action": "updated", "at": updated["updated_at"], "expense": updated},
            gone,
            {"version": 4, "action": "restored", "at": restored["updated_at"], "expense": restored},
        ]
    }


async def test_a_deleted_one_still_has_its_history(ada: httpx.AsyncClient) -> None:
    """The expense of its last version is what was deleted, and says when."""
    before = await made(ada, notes="what it was")
    await ada.delete(url(before))
    assert (await ada.get(url(before))).status_code == 404
    items = (await ada.get(f"{url(before)}/history")).json()["items"]
    assert [(each["version"], each["action"]) for each in items] == [(1, "created"), (2, "deleted")]
    last = items[1]["expense"]
    assert last["deleted_at"] is not None
    times = {"updated_at": items[1]["at"], "deleted_at": last["deleted_at"]}
    assert last == before | {"version": 2} | times


async def test_a_version_of_an_older_release_has_todays_fields(
    ada: httpx.AsyncClient, database: Database
) -> None:
    expense = await made(ada)
    async with database.transaction() as connection:
        await connection.exec_driver_sql(
            "UPDATE change_log SET snapshot = snapshot - 'merchant' - 'tags' - 'metadata'"
            """ || '{"colour": "red"}'"""
        )
    for path in (f"{url(expense)}/history", "/api/v1/changes"):
        [item] = (await ada.get(path)).json()["items"]
        assert item["expense"] == expense


async def test_not_modified(ada: httpx.AsyncClient) -> None:
    target = url(await made(ada))
    first = await ada.get(f"{target}/history")
    assert first.headers["cache-control"] == "private, no-cache"
    condition = {"If-None-Match": first.headers["etag"]}
    again = await ada.get(f"{target}/history", headers=condition)
    assert (again.status_code, again.content) == (304, b"")
    other = url(await made(ada))
    assert (await ada.get(f"{other}/history", headers=condition)).status_code == 200
    await ada.delete(target)
    assert (await ada.get(f"{target}/history", headers=condition)).status_code == 200


async def test_who_may_read_it(
    app: FastAPI,
    anonymous: httpx.AsyncClient,
    ada: httpx.AsyncClient,
    bob: httpx.AsyncClient,
    signing_key: SigningKey,
) -> None:
    target = f"{url(await made(ada))}/history"
    assert (await anonymous.get(target)).status_code == 401
    same = {"X-Request-ID": "same"}
    nowhere = f"/api/v1/expenses/{uuid4()}/history"
    foreign, absent = await bob.get(target, headers=same), await bob.get(nowhere, headers=same)
    assert foreign.status_code == 404
    assert foreign.text.replace(target, nowhere) == absent.text
    assert dict(foreign.headers) == dict(absent.headers)
    assert (await ada.get("/api/v1/expenses/7/history")).status_code == 404
    token = signing_key.token(access_claims(ADA, scope="expenses:write"))
    async with client_of(app, token) as writer:
        assert (await writer.get(target)).json()["code"] == "insufficient_scope"
    wrong = await ada.delete(target)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD")
    unknown = await ada.get(target, params={"limit": "1"})
    assert unknown.json()["errors"][0]["code"] == "unknown_parameter"
