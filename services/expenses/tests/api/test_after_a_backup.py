"""What a restored backup has forgotten: no place in its log and no entity tag is another's."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest

from expenses_service.settings import Settings
from tests.conftest import client_of, running
from tests.expense_calls import DRAFT, PATH, made, url
from tests.tokens import SigningKey, access_claims, user_id

FEED = "/api/v1/changes"
SUMMARY = f"{PATH}/summary?group_by=category"
TABLES = ("user_state", "expenses", "change_log", "rollups", "idempotency", "categories")

Restore = Callable[[], Awaitable[None]]


@pytest.fixture
async def owner(urls: dict[str, str]) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(urls["owner"])
    yield connection
    await connection.close()


async def backup(owner: "asyncpg.Connection[asyncpg.Record]") -> Restore:
    """All rows as they are now, and how to put them back."""
    copies = {name: io.BytesIO() for name in TABLES}
    for name, copy in copies.items():
        await owner.copy_from_table(name, output=copy, format="binary")

    async def restore() -> None:
        await owner.execute("TRUNCATE " + ", ".join(TABLES))
        for name, copy in copies.items():
            copy.seek(0)
            await owner.copy_to_table(name, source=copy, format="binary")
        await owner.execute("SELECT restored()")

    return restore


async def patched(client: httpx.AsyncClient, expense: dict[str, Any], amount: str) -> str:
    response = await client.patch(url(expense), json={"amount": amount})
    assert response.status_code == 200, response.text
    return response.headers["etag"]


async def seen(client: httpx.AsyncClient, *paths: str) -> dict[str, str]:
    """The entity tag of each."""
    return {path: (await client.get(path)).headers["etag"] for path in paths}


async def test_no_entity_tag_of_a_lost_future_means_another(
    settings: Settings,
    owner: "asyncpg.Connection[asyncpg.Record]",
    signing_key: SigningKey,
) -> None:
    """The same number of writes, of other content: every number of the tables meets its like."""
    token = signing_key.token(access_claims(user_id(1)))
    async with running(settings) as app, client_of(app, token) as ada:
        lunch, kept = await made(ada), await made(ada, description="Tea")
        files = (f"{PATH}/export", f"{PATH}/archive")
        reads = (PATH, SUMMARY, FEED, *files, url(lunch), f"{url(lunch)}/history")
        restore = await backup(owner)
        kept_tag = (await ada.get(url(kept))).headers["etag"]
        lost_tag = await patched(ada, lunch, "20.00")
        lost = await seen(ada, *reads)
        assert lost[url(lunch)] == lost_tag == '"2"'
    await restore()
    async with running(settings) as app, client_of(app, token) as ada:
        new_tag = await patched(ada, lunch, "30.00")
        for path, tag in lost.items():
            answer = await ada.get(path, headers={"If-None-Match": tag})
            assert answer.status_code == 200, path
            assert b"20.00" not in answer.content, path
        again = await seen(ada, *reads)
        for path, tag in again.items():
            assert (await ada.get(path, headers={"If-None-Match": tag})).status_code == 304, path
        assert again[url(lunch)] == new_tag
        # It was there at the backup and has not changed since: its tag is what it was.
        assert (await ada.get(url(kept), headers={"If-None-Match": kept_tag})).status_code == 304
        # So has a new one, whose versions nobody else had.
        created = await ada.post(PATH, json=DRAFT)
        assert created.headers["etag"] == '"1"'
        assert await patched(ada, created.json(), "7.00") == '"2"'


async def test_a_second_restore_does_not_bring_back_what_the_first_one_lost(
    settings: Settings,
    owner: "asyncpg.Connection[asyncpg.Record]",
    signing_key: SigningKey,
) -> None:
    token = signing_key.token(access_claims(user_id(1)))
    async with running(settings) as app, client_of(app, token) as ada:
        lunch = await made(ada)
        restore = await backup(owner)
        lost_tag = await patched(ada, lunch, "20.00")
    await restore()
    async with running(settings) as app, client_of(app, token) as ada:
        tag = await patched(ada, lunch, "30.00")
        restore = await backup(owner)
        lost_later = await patched(ada, lunch, "40.00")
    await restore()
    async with running(settings) as app, client_of(app, token) as ada:
        present = await ada.get(url(lunch), headers={"If-None-Match": lost_tag})
        assert (present.status_code, present.headers["etag"]) == (200, tag)
        assert present.json()["amount"] == "30.00"
        stale = await ada.patch(url(lunch), json={"amount": "1.00"}, headers={"If-Match": lost_tag})
        assert stale.status_code == 412
        assert (await patched(ada, lunch, "50.00")) not in {lost_tag, tag, lost_later}


async def test_a_condition_of_a_lost_future_is_stale(
    settings: Settings,
    owner: "asyncpg.Connection[asyncpg.Record]",
    signing_key: SigningKey,
) -> None:
    token = signing_key.token(access_claims(user_id(1)))
    named = {"source": "bank", "external_id": "1"}
    by_name = f"{PATH}/by-external/bank/1"
    async with running(settings) as app, client_of(app, token) as ada:
        lunch = await made(ada, **named)
        restore = await backup(owner)
        lost = await patched(ada, lunch, "20.00")
    await restore()
    async with running(settings) as app, client_of(app, token) as ada:
        present = await patched(ada, lunch, "30.00")
        stale = {"If-Match": lost}
        answers = [
            await ada.patch(url(lunch), json={"amount": "1.00"}, headers=stale),
            await ada.put(by_name, json=DRAFT, headers=stale),
            await ada.delete(url(lunch), headers=stale),
            await ada.post(f"{url(lunch)}/restore", headers=stale),
        ]
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (412, "version_conflict")
            assert answer.json()["current_version"] == 2
        put = await ada.put(by_name, json=DRAFT, headers={"If-Match": present})
        assert (put.status_code, put.json()["version"]) == (200, 3)
        gone = await ada.delete(url(lunch), headers={"If-Match": put.headers["etag"]})
        assert gone.status_code == 204
        back = await ada.post(f"{url(lunch)}/restore")
        assert back.headers["etag"] == (await ada.get(url(lunch))).headers["etag"]


async def test_a_place_in_a_lost_future_leads_nowhere(
    settings: Settings,
    owner: "asyncpg.Connection[asyncpg.Record]",
    signing_key: SigningKey,
) -> None:
    token = signing_key.token(access_claims(user_id(1)))
    async with running(settings) as app, client_of(app, token) as ada:
        kept = [await made(ada), await made(ada)]
        restore = await backup(owner)
        await made(ada, description="lost")
        assert (await ada.get(FEED)).json()["next_since"] == 3
    bases = [0]
    for _ in range(2):  # the same backup once more: what came after the first restore is lost too
        await restore()
        async with running(settings) as app, client_of(app, token) as ada:
            new = await made(ada, description="new")
            page = (await ada.get(FEED, params={"limit": 2})).json()
            base = page["items"][0]["seq"] - 1
            assert base > bases[-1] + 3
            assert [each["id"] for each in page["items"]] == [each["id"] for each in kept]
            assert (page["next_since"], page["has_more"]) == (base + 2, True)
            rest = (await ada.get(FEED, params={"since": base + 2})).json()
            assert [(each["seq"], each["id"]) for each in rest["items"]] == [(base + 3, new["id"])]
            assert rest["next_since"] == base + 3
            for since in (1, 2, 3, *(old + 3 for old in bases), base - 1, base + 4):
                answer = await ada.get(FEED, params={"since": since})
                assert (answer.status_code, answer.json()["code"]) == (410, "resync_required")
            bases.append(base)


async def test_a_key_that_was_answered_in_a_lost_future_is_new(
    settings: Settings,
    owner: "asyncpg.Connection[asyncpg.Record]",
    signing_key: SigningKey,
) -> None:
    """Its effect is lost too, so that a client that retries gets it, once."""
    token = signing_key.token(access_claims(user_id(1)))
    key = {"Idempotency-Key": "lunch-1"}
    async with running(settings) as app, client_of(app, token) as ada:
        await made(ada)
        restore = await backup(owner)
        assert (await ada.post(PATH, json=DRAFT, headers=key)).status_code == 201
    await restore()
    async with running(settings) as app, client_of(app, token) as ada:
        answers = [await ada.post(PATH, json=DRAFT, headers=key) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true"]
        assert len((await ada.get(PATH)).json()["items"]) == 2
