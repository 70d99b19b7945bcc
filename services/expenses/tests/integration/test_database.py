"""Postgres stopped, hung and started again, under the service's own pool."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text

from expenses_service.database import Database
from expenses_service.direct import Direct
from expenses_service.errors import Unavailable
from tests import postgres as servers
from tests.relay import relayed
from tests.waiting import in_time


@pytest.fixture
async def own_database(server: servers.Postgres) -> AsyncIterator[Database]:
    database = Database(server.url, None, pool_size=4)
    await asyncio.gather(*(answer(database) for _ in range(4)))
    yield database
    await database.close()


async def answer(database: Database) -> int:
    async with database.transaction() as connection:
        return int((await connection.execute(text("SELECT 42"))).scalar_one())


async def seconds_of_a_refusal(database: Database) -> float:
    started = time.monotonic()
    with pytest.raises(Unavailable) as refused:
        await answer(database)
    assert refused.value.extensions["retry_after"]
    return time.monotonic() - started


async def test_a_server_that_restarts_is_used_again_at_once(
    server: servers.Postgres, own_database: Database
) -> None:
    async def restarts() -> float:
        server.stop()
        seconds = await seconds_of_a_refusal(own_database)
        server.start()
        assert await asyncio.gather(*(answer(own_database) for _ in range(8))) == [42] * 8
        return seconds

    await in_time(restarts, 5)


@pytest.mark.impatient
async def test_a_server_that_hangs_costs_less_than_five_seconds(
    server: servers.Postgres, own_database: Database
) -> None:
    async def hangs() -> float:
        server.signal(signal.SIGSTOP)
        try:
            return max(
                await asyncio.gather(*(seconds_of_a_refusal(own_database) for _ in range(6)))
            )
        finally:
            server.signal(signal.SIGCONT)
            answers = [answer(own_database) for _ in range(4)]
            assert await asyncio.gather(*answers) == [42] * 4

    await in_time(hangs, 5)


@pytest.mark.impatient
async def test_what_a_connection_took_to_begin_is_taken_off_the_rest(
    server: servers.Postgres,
) -> None:
    async def begins_late() -> float:
        async with relayed(server.url, seconds=1.5) as url:
            database = Database(url, None)
            direct = Direct(database.connect, size=1)
            started = time.monotonic()
            refused = await asyncio.gather(
                sleeps(database),
                direct.fetch("SELECT pg_sleep(8)"),
                return_exceptions=True,
            )
            seconds = time.monotonic() - started
            assert [type(error) for error in refused] == [Unavailable] * 2
            await direct.close()
        await database.close()
        return seconds

    await in_time(begins_late, 5)


async def sleeps(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("SELECT pg_sleep(8)"))


@pytest.mark.impatient
async def test_a_full_pool_is_unavailable(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("expenses_service.database.CHECKOUT_SECONDS", 60.0)
    async with AsyncExitStack() as held:
        for _ in range(4):
            await held.enter_async_context(own_database.transaction(seconds=60))
        with pytest.raises(Unavailable) as refused:
            await answer(own_database)
    assert refused.value.cause == "postgres, pool: no free connection"
    assert await answer(own_database) == 42


@pytest.mark.impatient
async def test_a_server_that_does_not_answer_is_another_cause(server: servers.Postgres) -> None:
    async with relayed(server.url, seconds=30) as url:
        database = Database(url, None, pool_size=1)
        direct = Direct(database.connect, size=1)
        refused = await asyncio.gather(
            answer(database),
            direct.fetch("SELECT 1"),
            direct.fetch("SELECT 1"),
            return_exceptions=True,
        )
        assert [error.cause for error in refused if isinstance(error, Unavailable)] == [
            "postgres, pool: TimeoutError",
            "postgres, direct: TimeoutError",
            "postgres, direct, all in use: TimeoutError",
        ]
        await direct.close()
    await database.close()


async def test_an_error_of_ours_is_not_unavailable(own_database: Database) -> None:
    with pytest.raises(Exception, match="syntax error") as raised:
        async with own_database.transaction() as connection:
            await connection.execute(text("SELEKT"))
    assert not isinstance(raised.value, Unavailable)
    assert await answer(own_database) == 42


async def test_a_block_that_raises_changes_nothing(own_database: Database) -> None:
    async with own_database.transaction() as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS things (n int)"))

    async def insert_and_fail() -> None:
        async with own_database.transaction() as connection:
            await connection.execute(text("INSERT INTO things VALUES (1)"))
            raise LookupError

    with pytest.raises(LookupError):
        await insert_and_fail()
    async with own_database.transaction() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM things"))).scalar_one() == 0


async def test_a_lock_that_takes_too_long_is_unavailable(own_database: Database) -> None:
    async def lock() -> None:
        async with own_database.transaction() as other:
            await other.execute(text("SET LOCAL lock_timeout = '50ms'"))
            await other.execute(text("SELECT pg_advisory_xact_lock(1)"))

    async with own_database.transaction() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
        with pytest.raises(Unavailable):
            await lock()
