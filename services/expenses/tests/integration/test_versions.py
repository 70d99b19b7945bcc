"""The reader of data versions, on a Postgres that is written to meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import pytest

from expenses_service.changes.link import Link
from expenses_service.changes.versions import VersionReader
from expenses_service.database import Database
from tests.ledger import expense
from tests.records import record
from tests.tokens import user_id

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
    ask = Link.ask

    def counting(self: Link, user_ids: Sequence[UUID], ends: float) -> None:
        asked.append(len(user_ids))
        ask(self, user_ids, ends)

    monkeypatch.setattr(Link, "ask", counting)
    await versions.read(ADA)
    first = asyncio.ensure_future(versions.read(ADA))
    await asyncio.sleep(0)
    await asyncio.gather(first, *(versions.read(user) for user in (ADA, BOB) * 4))
    assert asked == [1, 1, 8]


async def test_as_many_as_there_are(database: Database, versions: VersionReader) -> None:
    await record(database, ADA, expense())
    others = [uuid4() for _ in range(3_000)]
    assert await asyncio.gather(*map(versions.read, [*others, ADA])) == [0] * 3_000 + [1]


async def test_an_answer_that_nobody_waits_for_is_in_nobodys_way(
    database: Database, versions: VersionReader
) -> None:
    await record(database, ADA, expense())
    for _ in range(3):
        versions.read(ADA)
        versions.read(BOB)
    assert await versions.read(ADA) == 1


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
