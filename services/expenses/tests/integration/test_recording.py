"""The one statement of create: it records what is plain, and leaves the rest as it was."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.categories import repository as categories
from expenses_service.categories.rules import USUAL
from expenses_service.changes.repository import insert_expenses, lock_user
from expenses_service.database import Database
from expenses_service.expenses import service
from tests.expense_calls import ADA, DRAFT, PATH, logged, made, problems
from tests.ledger import AGREED, differences, expense


@pytest.fixture
def short_way_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The long way ends in 500."""

    def refuse(_: object) -> NoReturn:
        raise LookupError

    monkeypatch.setattr(service, "writing", refuse)


@pytest.fixture
async def known(ada: httpx.AsyncClient) -> httpx.AsyncClient:
    """Ada, who has a row."""
    await made(ada)
    return ada


async def archive(connection: AsyncConnection, slug: str) -> None:
    gone = replace(USUAL[slug], archived=True)
    await categories.save(connection, ADA, gone, datetime.now(UTC))


async def meanwhile(request: asyncio.Task[httpx.Response]) -> None:
    """Let a request get to the lock that somebody holds."""
    await asyncio.sleep(0.3)
    assert not request.done()


@pytest.mark.usefixtures("short_way_only")
class TestPlain:
    @pytest.fixture(autouse=True)
    async def has_row(self, database: Database) -> None:
        async with database.transaction() as connection:
            await lock_user(connection, ADA)

    async def test_with_and_without_a_key(self, ada: httpx.AsyncClient, database: Database) -> None:
        first = await made(ada, tags=["a"], metadata={"b": "c"}, category="food")
        key = {"Idempotency-Key": "k"}
        second = (await ada.post(PATH, json=DRAFT, headers=key)).json()
        for each in (first, second):
            assert (await ada.get(f"{PATH}/{each['id']}")).json() == each
        assert await differences(database) == AGREED

    async def test_while_others_of_the_user_write(
        self, ada: httpx.AsyncClient, database: Database
    ) -> None:
        async with database.transaction() as connection:
            await lock_user(connection, ADA)
            request = asyncio.create_task(ada.post(PATH, json=DRAFT))
            await meanwhile(request)
            await insert_expenses(connection, ADA, [expense()])
        assert (await request).status_code == 201
        answers = await asyncio.gather(*(ada.post(PATH, json=DRAFT) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {201}
        assert await differences(database) == AGREED

    async def test_in_a_category_of_ones_own(
        self, ada: httpx.AsyncClient, database: Database
    ) -> None:
        async with database.transaction() as connection:
            await lock_user(connection, ADA)
            own = replace(USUAL["food"], slug="boats")
            await categories.save(connection, ADA, own, datetime.now(UTC))
        await made(ada, category="boats")

    async def test_the_rest_takes_the_long_way(
        self, ada: httpx.AsyncClient, bob: httpx.AsyncClient, database: Database
    ) -> None:
        key = {"Idempotency-Key": "k"}
        await ada.post(PATH, json=DRAFT, headers=key)
        await made(ada, source="s", external_id="1")
        async with database.transaction() as connection:
            await lock_user(connection, ADA)
            await archive(connection, "food")
        before = await differences(database)
        for client, draft, headers in (
            (bob, {}, {}),
            (ada, {}, key),
            (ada, {"source": "s", "external_id": "1"}, {}),
            (ada, {"category": "food"}, {}),
            (ada, {"category": "boats"}, {}),
        ):
            answer = await client.post(PATH, json=DRAFT | draft, headers=headers)
            assert answer.status_code == 500
        assert await differences(database) == before == AGREED


async def test_a_category_that_closes_while_it_waits(
    known: httpx.AsyncClient, database: Database
) -> None:
    async with database.transaction() as connection:
        await lock_user(connection, ADA)
        request = asyncio.create_task(known.post(PATH, json=DRAFT | {"category": "food"}))
        await meanwhile(request)
        await archive(connection, "food")
    answer = await request
    assert answer.status_code == 422
    assert problems(answer) == [("unknown_category", "/category")]
    assert await differences(database) == AGREED


async def test_an_answer_to_its_key_that_comes_while_it_waits(
    known: httpx.AsyncClient, database: Database
) -> None:
    key = {"Idempotency-Key": "k"}
    copy = """
    INSERT INTO idempotency
    SELECT user_id, method, path, $1::text, fingerprint, status, body, etag, location, created_at
    FROM idempotency WHERE key = $2::text
    """
    first = await known.post(PATH, json=DRAFT, headers={"Idempotency-Key": "other"})
    async with database.transaction() as connection:
        await lock_user(connection, ADA)
        request = asyncio.create_task(known.post(PATH, json=DRAFT, headers=key))
        await meanwhile(request)
        await connection.exec_driver_sql(copy, ("k", "other"))
    answer = await request
    assert (answer.status_code, answer.content) == (201, first.content)
    assert answer.headers["idempotency-replayed"] == "true"
    assert await differences(database) == AGREED


async def test_a_key_that_is_at_work(known: httpx.AsyncClient, database: Database) -> None:
    key = {"Idempotency-Key": "k"}
    async with database.transaction() as connection:
        await lock_user(connection, ADA)
        request = asyncio.create_task(known.post(PATH, json=DRAFT, headers=key))
        await meanwhile(request)
        again = await known.post(PATH, json=DRAFT, headers=key)
        assert (again.status_code, again.json()["code"]) == (409, "idempotency_in_progress")
    assert (await request).status_code == 201
    replayed = await known.post(PATH, json=DRAFT, headers=key)
    assert replayed.content == (await request).content


async def test_many_clients_of_one_user_at_once(
    known: httpx.AsyncClient, database: Database
) -> None:
    """Each gets the answer that it would get alone."""
    kinds: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, {}),
        ({"category": "nowhere"}, {"Idempotency-Key": "refused"}),
        ({}, {"Idempotency-Key": "twin"}),
        ({"source": "bank", "external_id": "same"}, {}),
    ]
    calls = [
        known.post(PATH, json=DRAFT | fields, headers=headers)
        for _ in range(12)
        for fields, headers in [*kinds, ({}, {"Idempotency-Key": str(uuid4())})]
    ]
    answers = await asyncio.gather(*calls)
    plain, refused, twins, same, keyed = (answers[kind::5] for kind in range(5))
    assert {answer.status_code for answer in (*plain, *keyed)} == {201}
    assert {answer.status_code for answer in refused} <= {409, 422}
    assert {answer.status_code for answer in twins} <= {201, 409}
    assert len({answer.content for answer in twins if answer.status_code == 201}) == 1
    assert sorted(answer.status_code for answer in same) == [201] + [409] * 11
    assert await logged(database) == 1 + 12 + 1 + 1 + 12
    assert await differences(database) == AGREED
