"""The reader of data versions, on a Postgres that is restarted, hung and gone."""

import asyncio
import gc
import signal
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import asyncpg
import pytest
import uvloop

from expenses_service.changes.versions import VersionReader
from expenses_service.database import Database
from expenses_service.errors import Unavailable
from tests import postgres as servers
from tests.relay import relayed
from tests.tls import server_context
from tests.tokens import user_id
from tests.waiting import in_time, until

ADA, BOB, CAROL = (user_id(n) for n in (1, 2, 3))
END_OTHERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"""


@pytest.fixture
async def shaken(server: servers.Postgres) -> AsyncIterator[VersionReader]:
    """A reader of a server that may be harmed."""
    for table in ("user_state (user_id uuid, seq bigint)", "data_epoch (base bigint)"):
        await servers.execute(server.url, f"CREATE TABLE IF NOT EXISTS {table}")
    connection = await asyncpg.connect(server.url)
    await connection.execute("DELETE FROM user_state")
    await connection.execute("INSERT INTO user_state VALUES ($1, $2)", CAROL, 7)
    await connection.close()
    database = Database(server.url, None)
    reader = VersionReader(database.connect)
    assert await reader.read(ADA) == 0
    yield reader
    await reader.close()
    await database.close()


async def test_a_server_that_restarts_is_asked_again_at_once(
    server: servers.Postgres, shaken: VersionReader
) -> None:
    server.stop()
    with pytest.raises(Unavailable):
        await shaken.read(ADA)
    server.start()
    assert await shaken.read(ADA) == 0


Run = Callable[[Coroutine[Any, Any, list[int]]], list[int]]


async def through_an_end(url: str, tls: ssl.SSLContext | None) -> list[int]:
    """What is read before the server ends the session, and after it."""
    async with relayed(url, tls=tls) as relay:
        database = Database(relay, None)
        reader = VersionReader(database.connect)
        before = [await reader.read(CAROL)]
        before += await asyncio.gather(*map(reader.read, (CAROL, BOB) * 9))
        await servers.execute(url, END_OTHERS)
        await until(lambda: reader._link is None or reader._link.is_closing)  # noqa: SLF001 - heard
        after = await asyncio.gather(*map(reader.read, (BOB, CAROL)))
        await reader.close()
    await database.close()
    return before + after


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.usefixtures("shaken")
async def test_a_session_that_the_server_ends(
    server: servers.Postgres, run: Run, *, is_tls: bool
) -> None:
    """It says so, and closes a moment later; with TLS, as managed ones, and with each loop."""
    told = asyncio.to_thread(run, through_an_end(server.url, server_context() if is_tls else None))
    assert await told == [7, *[7, 0] * 9, 0, 7]


@pytest.mark.usefixtures("shaken")
async def test_what_nobody_hears_is_no_error_of_the_loop(server: servers.Postgres) -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    database = Database(server.url, None)
    reader = VersionReader(database.connect)
    await reader.read(ADA)
    server.stop()
    for _ in range(3):
        reader.read(ADA)
        with pytest.raises(Unavailable):
            await reader.read(BOB)
    server.start()
    assert await reader.read(ADA) == 0
    await reader.close()
    await database.close()
    gc.collect()
    assert told == []


async def test_a_server_that_hangs_is_waited_for_twice_at_most(
    server: servers.Postgres, shaken: VersionReader
) -> None:
    async def hangs() -> float:
        patience, shaken._seconds = shaken._seconds, 0.5  # noqa: SLF001 - not of the set-up
        server.signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            first = asyncio.ensure_future(shaken.read(ADA))
            await asyncio.sleep(0)
            outcomes = await asyncio.gather(first, shaken.read(BOB), return_exceptions=True)
            seconds = time.monotonic() - began
        finally:
            server.signal(signal.SIGCONT)
            shaken._seconds = patience  # noqa: SLF001 - the same
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 2
        assert await shaken.read(ADA) == 0
        return seconds

    await in_time(hangs, 5)


async def test_an_error_of_ours_is_told_as_it_is(
    server: servers.Postgres, shaken: VersionReader
) -> None:
    await servers.execute(server.url, "ALTER TABLE user_state RENAME COLUMN seq TO other")
    await shaken.close()
    with pytest.raises(Exception, match="seq") as raised:
        await shaken.read(ADA)
    assert not isinstance(raised.value, Unavailable)
    await servers.execute(server.url, "ALTER TABLE user_state RENAME COLUMN other TO seq")
    assert await shaken.read(ADA) == 0


async def test_what_has_not_begun_when_it_closes_is_refused_and_no_more_in_the_way(
    shaken: VersionReader,
) -> None:
    async def close() -> None:
        await asyncio.sleep(0)
        await shaken.close()

    await shaken.close()
    closing, reading = asyncio.ensure_future(close()), asyncio.ensure_future(shaken.read(ADA))
    with pytest.raises(Unavailable):
        await reading
    await closing
    async with asyncio.timeout(10):
        assert await shaken.read(ADA) == 0


async def test_who_comes_while_it_closes_is_in_nobodys_way(
    shaken: VersionReader,
) -> None:
    for turns in range(6):
        await shaken.close()
        opening = shaken.read(BOB)
        closing = asyncio.ensure_future(shaken.close())
        for _ in range(turns):
            await asyncio.sleep(0)
        late = shaken.read(CAROL)
        await closing
        async with asyncio.timeout(10):
            await asyncio.wait([opening, late])
            for _ in range(3):
                assert await asyncio.gather(*map(shaken.read, (CAROL, BOB))) == [7, 0]


async def test_who_waits_when_it_closes_is_refused(shaken: VersionReader) -> None:
    waiting = [asyncio.ensure_future(shaken.read(ADA)) for _ in range(3)]
    await asyncio.sleep(0)
    await shaken.close()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
