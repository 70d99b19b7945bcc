"""Old answers are forgotten, in small batches, by one replica at a time, whatever Postgres does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from structlog.testing import capture_logs

from expenses_service import housekeeping, resources
from expenses_service.database import Database
from expenses_service.housekeeping import Housekeeper, do_chores
from expenses_service.idempotency import repository
from expenses_service.idempotency.models import Answer, KeyedRequest
from expenses_service.settings import Settings
from tests import postgres as servers
from tests.conftest import running
from tests.tokens import user_id
from tests.waiting import until

NOW = datetime.now(UTC)
DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)
DONE = "idempotency_keys"


def request(key: str) -> KeyedRequest:
    return KeyedRequest(user_id(1), "POST", "/x", key, b"")


async def keep(database: Database, **ages: timedelta) -> None:
    """An answer for each key, of an age."""
    async with database.transaction() as connection:
        for key, age in ages.items():
            await repository.keep(connection, request(key), Answer(201, b"{}"))
            await connection.exec_driver_sql(
                "UPDATE idempotency SET created_at = $1 WHERE key = $2", (NOW - age, key)
            )


async def kept(database: Database) -> Sequence[str]:
    async with database.transaction() as connection:
        rows = await connection.exec_driver_sql("SELECT key FROM idempotency ORDER BY key")
        return rows.scalars().all()


async def test_what_is_a_day_old_goes_in_batches(database: Database) -> None:
    ages = {f"old{number}": DAY + number * SECOND for number in range(5)}
    await keep(database, **ages, young=DAY - SECOND, new=timedelta())
    assert await do_chores(database, NOW, batch=2) == {DONE: 5}
    assert await kept(database) == ["new", "young"]
    assert await do_chores(database, NOW) == {DONE: 0}


async def test_a_batch_is_bounded(database: Database) -> None:
    await keep(database, **{f"old{number}": DAY for number in range(5)})
    async with database.transaction() as connection:
        assert await repository.forget_old(connection, NOW, 2) == 2
    assert len(await kept(database)) == 3


async def test_one_replica_at_a_time(database: Database) -> None:
    await keep(database, old=DAY)
    async with database.transaction() as connection:
        await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(1, 1)")
        assert await do_chores(database, NOW) == {DONE: 0}
    assert await kept(database) == ["old"]
    await asyncio.gather(*(do_chores(database, NOW) for _ in range(4)))
    assert await kept(database) == []


async def test_a_key_that_is_being_used_again_is_not_waited_for(database: Database) -> None:
    await keep(database, old=DAY, used=DAY)
    async with database.transaction() as connection:
        await repository.keep(connection, request("used"), Answer(201, b"new"))
        assert await do_chores(database, NOW) == {DONE: 1}
    assert await kept(database) == ["used"]
    async with database.transaction() as connection:
        found = await repository.find(connection, request("used"))
    assert found is not None
    assert found[1].body == b"new"


async def test_the_service_does_it_by_itself(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "Housekeeper", partial(Housekeeper, every_seconds=0.05))
    await keep(database, old=DAY, new=timedelta())

    async def forgotten() -> bool:
        return await kept(database) == ["new"]

    async with running(settings):
        await until(forgotten)


async def test_an_error_of_ours_is_told_and_does_not_end_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = 0

    async def fail(*_: object) -> int:
        nonlocal broken
        broken += 1
        raise LookupError("a secret")

    monkeypatch.setattr(housekeeping, "CHORES", {"broken": fail})
    keeper = Housekeeper(database, every_seconds=0.01)
    with capture_logs() as lines:
        await keeper.start()
        await until(lambda: broken >= 2)
        await keeper.close()
    told = {(each["event"], each["reason"]) for each in lines}
    assert told == {("house_not_kept", "LookupError")}


@pytest.fixture
async def own_server() -> AsyncIterator[tuple[servers.Postgres, Database]]:
    """A server that may be stopped, migrated, and the service's way to it."""
    server = servers.Postgres()
    server.start()
    urls = await asyncio.to_thread(servers.make_database, server.url)
    database = Database(servers.without_password(urls["app"]), servers.PASSWORD)
    yield server, database
    await database.close()
    server.remove()


async def test_goes_on_when_postgres_comes_back(
    own_server: tuple[servers.Postgres, Database],
) -> None:
    server, database = own_server
    await keep(database, old=DAY)
    await asyncio.to_thread(server.stop)
    keeper = Housekeeper(database, every_seconds=0.05)
    with capture_logs() as lines:
        await keeper.start()
        await until(lambda: any(each["event"] == "house_not_kept" for each in lines), 10)
    await asyncio.to_thread(server.start)

    async def forgotten() -> bool:
        return list(await kept(database)) == []

    await until(forgotten, 10)
    await keeper.close()
