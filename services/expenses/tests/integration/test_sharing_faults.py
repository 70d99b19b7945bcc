"""Writes that share a statement, on a Postgres that is killed."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from expenses_service.database import Database
from expenses_service.errors import Unavailable
from expenses_service.telemetry import configure_logging
from tests import postgres as servers
from tests.ledger import AGREED, differences
from tests.recorders import ADA, new, recording, stored
from tests.waiting import until


@pytest.fixture(autouse=True)
def lines() -> None:
    """Of the log go where this test's output goes, not where that of one before went."""
    configure_logging("info")


@pytest.fixture(scope="module")
def fragile() -> Iterator[tuple[servers.Postgres, str]]:
    """A server that may be killed, and the app role's address of a database in it."""
    server = servers.Postgres()
    server.start()
    yield server, servers.make_database(server.url)["app"]
    server.remove()


async def test_a_server_that_is_killed_keeps_what_was_acknowledged(
    fragile: tuple[servers.Postgres, str],
) -> None:
    server, url = fragile
    database = Database(servers.without_password(url), servers.PASSWORD)
    acknowledged: set[object] = set()
    refused = 0
    async with recording(database) as recorder:

        async def write(writer: int) -> None:
            nonlocal refused
            for n in range(60):
                one = new(f"{writer}-{n}")
                try:
                    if await recorder.record(ADA, one):
                        acknowledged.add(one.expense.id)
                except Unavailable:
                    refused += 1
                    return

        writers = [asyncio.create_task(write(n)) for n in range(12)]
        await until(lambda: len(acknowledged) >= 60)
        server.signal(signal.SIGKILL)
        await asyncio.gather(*writers)
        assert refused == 12
        server.stop()
        server.start()
        assert await recorder.record(ADA, new("after"))
    assert acknowledged <= await stored(database)
    assert await differences(database) == AGREED
    await database.close()
