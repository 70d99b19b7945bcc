"""The reader of data versions, on a Postgres that is written to, hung and restarted."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from expenses_service.changes.versions import VersionReader
from expenses_service.database import Database
from expenses_service.errors import Unavailable
from tests import postgres as servers
from tests.ledger import expense
from tests.records import record
from tests.tokens import user_id
from tests.waiting import in_time

ADA, BOB, NOBODY = (user_id(n) for n in (1, 2, 3))


@pytest.fixture
async def versions(database: Database) -> AsyncIterator[VersionReader]:
    reader = VersionReader(database.connect)
    yield reader
    await reader.close()


async def test_each_gets_the_version_of_its_own_user(
    database: Database, versions: VersionReader
) -> None:
    await record(database, ADA, expense(), expense())
    await record(database, BOB, expense())
    asked = [ADA, BOB, NOBODY, ADA] * 5
    assert await asyncio.gather(*map(versions.read, asked)) == [2, 1, 0, 2] * 5


async def test_who_comes_meanwhile_shares_the_next_query(
    versions: VersionReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    query = VersionReader._query  # noqa: SLF001 - counts the queries

    async def counting(self: VersionReader, user_ids: list[object]) -> object:
        asked.append(len(user_ids))
        return await query(self, user_ids)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(VersionReader, "_query", counting)
    first = asyncio.ensure_future(versions.read(ADA))
    await asyncio.sleep(0)
    await asyncio.gather(first, *(versions.read(user) for user in (ADA, BOB) * 4))
    assert asked == [1, 8]


async def test_no_version_is_older_than_a_write_that_was_acknowledged(
    database: Database, versions: VersionReader
) -> None:
    written = 0

    async def read() -> None:
        while written < 40:
            known = written
            assert await versions.read(ADA) >= known

    readers = [asyncio.create_task(read()) for _ in range(8)]
    for _ in range(40):
        await record(database, ADA, expense())
        written += 1
    await asyncio.gather(*readers)


async def test_a_caller_that_hangs_up_leaves_the_others_alone(
    database: Database, versions: VersionReader
) -> None:
    await record(database, ADA, expense())
    for wave in range(20):
        callers = [asyncio.ensure_future(versions.read(ADA)) for _ in range(10)]
        await asyncio.sleep(0.0002 * wave)
        for caller in callers[::2]:
            caller.cancel()
        assert await asyncio.gather(*callers[1::2]) == [1] * 5


def _tasks() -> int:
    return sum(task.get_name() == "versions" for task in asyncio.all_tasks())


async def test_who_finds_nothing_in_flight_asks_for_himself(versions: VersionReader) -> None:
    first = asyncio.ensure_future(versions.read(ADA))
    await asyncio.sleep(0)
    assert _tasks() == 1  # which connects, in nobody's name
    assert await first == 0
    alone = asyncio.ensure_future(versions.read(ADA))
    await asyncio.sleep(0)
    assert _tasks() == 0
    others = [asyncio.ensure_future(versions.read(user)) for user in (ADA, BOB)]
    await asyncio.sleep(0)
    assert _tasks() == 0  # one query at a time
    assert await asyncio.gather(alone, *others) == [0] * 3


async def test_who_hangs_up_alone_leaves_those_who_wait_an_answer(
    database: Database, versions: VersionReader
) -> None:
    await record(database, ADA, expense())
    assert await versions.read(ADA) == 1
    alone = asyncio.ensure_future(versions.read(ADA))
    await asyncio.sleep(0)
    others = [asyncio.ensure_future(versions.read(user)) for user in (ADA, BOB)]
    await asyncio.sleep(0)
    alone.cancel()
    assert await asyncio.gather(*others) == [1, 0]
    assert alone.cancelled()
    assert await versions.read(ADA) == 1


@pytest.fixture(scope="module")
def server() -> Iterator[servers.Postgres]:
    server = servers.Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture
async def shaken(server: servers.Postgres) -> AsyncIterator[VersionReader]:
    """A reader of a server that may be harmed."""
    for table in ("user_state (user_id uuid, seq bigint)", "data_epoch (base bigint)"):
        await servers.execute(server.url, f"CREATE TABLE IF NOT EXISTS {table}")
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


async def test_who_waits_when_it_closes_is_refused(shaken: VersionReader) -> None:
    waiting = [asyncio.ensure_future(shaken.read(ADA)) for _ in range(3)]
    await asyncio.sleep(0)
    await shaken.close()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
