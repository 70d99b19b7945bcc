import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from expenses_service.database import Database
from expenses_service.expenses.models import expenses
from expenses_service.idempotency import repository
from expenses_service.idempotency.models import KeyedRequest
from expenses_service.settings import Settings
from tests.conftest import client_of, running
from tests.tokens import SigningKey, access_claims, user_id

PATH = "/api/v1/expenses"
DRAFT = {"amount": "12.50", "currency": "EUR", "description": "Lunch"}
KEY = {"Idempotency-Key": "once"}


async def rows(database: Database) -> int:
    async with database.transaction() as connection:
        return int(await connection.scalar(select(func.count()).select_from(expenses)) or 0)


async def test_a_retry_gets_the_first_answer(ada: httpx.AsyncClient, database: Database) -> None:
    first = await ada.post(PATH, json=DRAFT, headers=KEY)
    assert "idempotency-replayed" not in first.headers
    await ada.patch(first.headers["location"], json={"notes": "later"})
    again = await ada.post(PATH, json=dict(reversed(DRAFT.items())), headers=KEY)
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.content) == (201, first.content)
    for name in ("location", "etag", "cache-control", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert await rows(database) == 1


async def test_a_key_stands_for_one_body(ada: httpx.AsyncClient, database: Database) -> None:
    await ada.post(PATH, json=DRAFT, headers=KEY)
    for changed in ({"amount": "12.51"}, {"notes": "more"}):
        other = await ada.post(PATH, json=DRAFT | changed, headers=KEY)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await rows(database) == 1


async def test_a_key_belongs_to_user_and_path(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, database: Database
) -> None:
    mine = await ada.post(PATH, json=DRAFT, headers=KEY)
    yours = await bob.post(PATH, json=DRAFT, headers=KEY)
    assert mine.json()["id"] != yours.json()["id"]
    restored = await ada.post(f"{mine.headers['location']}/restore", headers=KEY)
    assert (restored.status_code, "idempotency-replayed" in restored.headers) == (200, False)
    assert await rows(database) == 2


async def test_a_refusal_does_not_use_the_key_up(ada: httpx.AsyncClient) -> None:
    refused = await ada.post(PATH, json=DRAFT | {"category": "no"}, headers=KEY)
    assert refused.status_code == 422
    assert (await ada.post(PATH, json=DRAFT, headers=KEY)).status_code == 201


async def test_a_replayed_restore_does_nothing(ada: httpx.AsyncClient) -> None:
    target = (await ada.post(PATH, json=DRAFT)).headers["location"]
    await ada.delete(target)
    first = await ada.post(f"{target}/restore", headers=KEY)
    await ada.delete(target)
    again = await ada.post(f"{target}/restore", headers=KEY)
    assert (again.content, again.headers["etag"]) == (first.content, '"3"')
    assert again.headers["idempotency-replayed"] == "true"
    assert (await ada.get(target)).status_code == 404


@pytest.mark.parametrize("key", ["", "a b", "k" * 256, b"\xc3\xa4"])
async def test_a_bad_key_is_refused(ada: httpx.AsyncClient, key: str | bytes) -> None:
    headers: Any = [("Idempotency-Key", key)]
    response = await ada.post(PATH, json=DRAFT, headers=headers)
    assert response.status_code == 422
    assert response.json()["errors"][0]["header"] == "Idempotency-Key"


async def test_while_the_first_runs_a_retry_is_told_so(
    ada: httpx.AsyncClient, database: Database
) -> None:
    running = KeyedRequest(user_id(1), "POST", PATH, "once", b"")
    async with database.transaction() as connection:
        assert await repository.try_lock(connection, running)
        response = await ada.post(PATH, json=DRAFT, headers=KEY)
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_in_progress")
    assert response.headers["retry-after"] == "1"
    assert (await ada.post(PATH, json=DRAFT, headers=KEY)).status_code == 201


async def test_many_at_once_have_one_effect(
    app: FastAPI, signing_key: SigningKey, database: Database
) -> None:
    token = signing_key.token(access_claims(user_id(1)))
    async with client_of(app, token) as client:
        answers = await asyncio.gather(
            *(client.post(PATH, json=DRAFT, headers=KEY) for _ in range(20))
        )
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in made}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in made) == 1
    assert await rows(database) == 1


async def test_after_a_day_the_key_is_free(ada: httpx.AsyncClient, database: Database) -> None:
    first = await ada.post(PATH, json=DRAFT, headers=KEY)
    async with database.transaction() as connection:
        await connection.exec_driver_sql(
            "UPDATE idempotency SET created_at = created_at - interval '24 hours 1 second'"
        )
    second = await ada.post(PATH, json=DRAFT | {"notes": "n"}, headers=KEY)
    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]
    third = await ada.post(PATH, json=DRAFT | {"notes": "n"}, headers=KEY)
    assert third.content == second.content


async def test_replicas_and_restarts_replay_alike(
    settings: Settings, signing_key: SigningKey, database: Database
) -> None:
    token = signing_key.token(access_claims(user_id(1)))
    async with (
        running(settings) as one,
        running(settings) as two,
        client_of(one, token) as first,
        client_of(two, token) as second,
    ):
        both = [each.post(PATH, json=DRAFT, headers=KEY) for each in (first, second) * 8]
        answers = await asyncio.gather(*both)
        again = await second.post(PATH, json=DRAFT, headers=KEY)
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = {answer.content for answer in answers if answer.status_code == 201}
    assert made == {again.content}
    async with running(settings) as restarted, client_of(restarted, token) as client:
        after = await client.post(PATH, json=DRAFT, headers=KEY)
        assert (after.status_code, after.content) == (201, again.content)
        assert after.headers["idempotency-replayed"] == "true"
        other = await client.post(PATH, json=DRAFT | {"notes": "n"}, headers=KEY)
        assert other.json()["code"] == "idempotency_key_reused"
    assert await rows(database) == 1


async def test_one_that_hangs_up_leaves_a_whole_effect_or_none(
    app: FastAPI, signing_key: SigningKey, database: Database
) -> None:
    """Cancelled at any moment, as when a client goes: the retry finds out what became of it."""
    token = signing_key.token(access_claims(user_id(1)))
    async with client_of(app, token) as client:
        for step in range(12):
            key = {"Idempotency-Key": f"gone-{step}"}
            call = asyncio.create_task(client.post(PATH, json=DRAFT, headers=key))
            await asyncio.sleep(step * 0.002)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            retry = await client.post(PATH, json=DRAFT, headers=key)
            assert retry.status_code == 201
    assert await rows(database) == 12


def test_every_post_takes_a_key(app: FastAPI) -> None:
    posts = [each["post"] for each in app.openapi()["paths"].values() if "post" in each]
    assert len(posts) >= 4
    for operation in posts:
        names = [each["name"] for each in operation["parameters"]]
        assert "Idempotency-Key" in names, operation["operationId"]
        succeeded = [s for s in operation["responses"] if s.startswith("2")]
        for status in succeeded:
            assert "Idempotency-Replayed" in operation["responses"][status]["headers"]
        assert "409" in operation["responses"]
