"""Single statements on a Postgres that is stopped, hung and started again."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import make_url

from expenses_service.changes.versions import VersionReader
from expenses_service.database import Database
from expenses_service.direct import Direct
from expenses_service.errors import Unavailable
from tests import postgres as servers
from tests.relay import relayed
from tests.tokens import user_id
from tests.waiting import in_time

SIZE = 2


@pytest.fixture
async def direct(server: servers.Postgres) -> AsyncIterator[Direct]:
    table = "CREATE TABLE IF NOT EXISTS things (n integer PRIMARY KEY)"
    await servers.execute(server.url, table, "TRUNCATE things")
    database = Database(server.url, None)
    direct = Direct(database.connect, size=SIZE)
    yield direct
    await direct.close()
    await database.close()


async def answer(direct: Direct) -> int:
    [row] = await direct.fetch("SELECT 6 * $1::integer AS n", 7)
    return int(row["n"])


async def backend(direct: Direct) -> int:
    [row] = await direct.fetch("SELECT pg_backend_pid() AS pid")
    return int(row["pid"])


async def test_it_makes_as_many_connections_as_it_needs_up_to_its_size(direct: Direct) -> None:
    assert {await backend(direct) for _ in range(3)} == {await backend(direct)}
    sleepy = "SELECT pg_backend_pid() AS pid FROM pg_sleep(0.05)"
    rows = await asyncio.gather(*(direct.fetch(sleepy) for _ in range(6)))
    assert len({row["pid"] for [row] in rows}) == SIZE


async def test_it_tells_how_long_one_more_would_wait(direct: Direct) -> None:
    assert direct.expected_wait() == 0
    sleepy = "SELECT FROM pg_sleep(0.3)"
    await asyncio.gather(*(direct.fetch(sleepy) for _ in range(SIZE)))
    assert direct.expected_wait() == 0  # nobody has waited yet
    await asyncio.gather(*(direct.fetch(sleepy) for _ in range(2 * SIZE)))
    assert direct.expected_wait() == 0
    asked = [asyncio.create_task(direct.fetch(sleepy)) for _ in range(SIZE + 3)]
    await asyncio.sleep(0)
    expected = direct.expected_wait()
    assert expected >= 3 * 0.3 / SIZE
    asked.append(asyncio.create_task(direct.fetch(sleepy)))
    await asyncio.sleep(0)
    assert direct.expected_wait() == pytest.approx(expected * 4 / 3)
    for task in asked[SIZE:]:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    assert direct.expected_wait() == 0


async def test_who_waits_for_connections_to_be_made_does_not_tell_the_pace(
    server: servers.Postgres,
) -> None:
    """A process that has none yet must not refuse those who come together."""
    database = Database(server.url, None)
    connecting = 0.5

    async def connect() -> "asyncpg.Connection[asyncpg.Record]":
        await asyncio.sleep(connecting)
        return await database.connect()

    direct = Direct(connect, size=SIZE)
    asked = [asyncio.create_task(answer(direct)) for _ in range(12)]
    expected = []
    while not all(task.done() for task in asked):
        expected.append(direct.expected_wait())
        await asyncio.sleep(0)
    assert await asyncio.gather(*asked) == [42] * 12
    assert 0 < max(expected) < connecting
    await direct.close()
    await database.close()


async def test_a_statement_commits_with_its_end_or_not_at_all(direct: Direct) -> None:
    insert = "INSERT INTO things SELECT unnest($1::integer[]) RETURNING n"
    pid = await backend(direct)
    await direct.fetch(insert, [1])
    with pytest.raises(asyncpg.UniqueViolationError):
        await direct.fetch(insert, [2, 1])
    assert [row["n"] for row in await direct.fetch("SELECT n FROM things")] == [1]
    assert await backend(direct) == pid  # a refusal costs no connection


async def test_a_server_that_restarts_is_used_again_at_once(
    server: servers.Postgres, direct: Direct
) -> None:
    assert await answer(direct) == 42
    server.stop()
    with pytest.raises(Unavailable):
        await answer(direct)
    server.start()
    assert await asyncio.gather(*(answer(direct) for _ in range(4))) == [42] * 4


@pytest.mark.parametrize("missing", [{"username": "nobody"}, {"database": "nothing"}])
async def test_what_is_not_there_yet_may_come(
    server: servers.Postgres, missing: dict[str, str]
) -> None:
    """While a backup is put back there is a server, and neither role nor database."""
    url = make_url(server.url).set(**missing)  # type: ignore[arg-type]  # parts that are texts
    database = Database(url.render_as_string(hide_password=False), None)
    direct = Direct(database.connect, size=SIZE)
    with pytest.raises(Unavailable):
        await answer(direct)
    versions = VersionReader(database.connect)
    with pytest.raises(Unavailable):
        await versions.read(user_id())
    await versions.close()
    await direct.close()
    await database.close()


async def test_a_session_that_is_ended_is_not_used_again(direct: Direct) -> None:
    for _ in range(5):
        with pytest.raises(Unavailable):
            await direct.fetch("SELECT pg_terminate_backend(pg_backend_pid())")
        assert await answer(direct) == 42


async def test_a_connection_that_has_heard_last_words_is_given_up(server: servers.Postgres) -> None:
    """A server that goes tells idle clients so, and closes a moment later."""
    others = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"""
    async with relayed(server.url) as url:
        database = Database(url, None)
        direct = Direct(database.connect, size=1)
        assert await answer(direct) == 42
        await servers.execute(server.url, others)
        await asyncio.sleep(0.1)  # until it is heard
        with pytest.raises(Unavailable):
            await answer(direct)
        assert await answer(direct) == 42
        await direct.close()
    await database.close()


@pytest.mark.impatient
async def test_a_server_that_hangs_costs_less_than_five_seconds(
    server: servers.Postgres, direct: Direct
) -> None:
    async def hangs() -> float:
        await asyncio.gather(*(answer(direct) for _ in range(SIZE)))
        server.signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            asked = [answer(direct) for _ in range(2 * SIZE)]
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            seconds = time.monotonic() - began
        finally:
            server.signal(signal.SIGCONT)
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 2 * SIZE
        assert await answer(direct) == 42
        return seconds

    await in_time(hangs, 5)


async def test_who_hangs_up_leaves_nothing_to_the_next_one(direct: Direct) -> None:
    for wave in range(10):
        callers = [asyncio.ensure_future(direct.fetch("SELECT $1::int AS n", n)) for n in range(6)]
        await asyncio.sleep(0.0005 * wave)
        for caller in callers[::2]:
            caller.cancel()
        rows = await asyncio.gather(*callers[1::2])
        assert [row["n"] for [row] in rows] == [1, 3, 5]
    assert await answer(direct) == 42


async def test_a_mistake_of_ours_is_told_as_it_is(direct: Direct) -> None:
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await direct.fetch("SELEKT")
    with pytest.raises(asyncpg.DataError):
        await direct.fetch("SELECT $1::integer", "seven")
    assert await answer(direct) == 42
