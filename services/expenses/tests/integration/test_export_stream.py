"""Exports over a real connection: readers that stop, data that changes meanwhile, what fails."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from expenses_service.downloads.asking import LONGEST_PAUSE_SECONDS, PATIENCE_SECONDS
from expenses_service.settings import Settings
from tests import postgres
from tests.expense_calls import ADA, DRAFT, PATH
from tests.integration.test_process import served
from tests.records import flood
from tests.tokens import SigningKey, access_claims
from tests.waiting import until

ROWS = 5_000
NOTES = "🥨" * 2000
BEGIN = 100_000  # bytes; of 40 MB, of which the sockets on the way hold a few


@dataclass
class Service:
    """A process of its own with much data of one user."""

    pid: int
    netloc: str
    token: str

    def call(self, method: str, path: str, body: dict[str, str] | None = None) -> None:
        with self._asked(method, path, body) as response:
            text = response.read()
        assert response.status < 300, text

    @contextmanager
    def download(self, path: str) -> Iterator[HTTPResponse]:
        with self._asked("GET", f"{PATH}/{path}") as response:
            assert response.status == 200
            yield response

    def export(self, form: str = "ndjson") -> AbstractContextManager[HTTPResponse]:
        return self.download(f"export?format={form}")

    @contextmanager
    def _asked(
        self, method: str, path: str, body: dict[str, str] | None = None
    ) -> Iterator[HTTPResponse]:
        connection = HTTPConnection(self.netloc, timeout=60)
        connection.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            yield connection.getresponse()
        finally:
            connection.close()

    def peak(self) -> int:
        """The most memory that the process ever had, in KiB (proc(5))."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])

    def files(self) -> int:
        """How many files and sockets it holds open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


@pytest.fixture
async def service(
    settings: Settings, urls: dict[str, str], signing_key: SigningKey
) -> AsyncIterator[Service]:
    await flood(urls["owner"], ADA, ROWS, NOTES)
    with served(settings) as (process, url):
        yield Service(process.pid, urlsplit(url).netloc, signing_key.token(access_claims(ADA)))


async def test_a_reader_that_stops_holds_nothing_and_gets_one_moment(
    service: Service, urls: dict[str, str], superuser_url: str
) -> None:
    connection = await asyncpg.connect(superuser_url)

    async def nobody_is_in_a_transaction() -> bool:
        under_way = (
            "SELECT count(*) FROM pg_stat_activity WHERE xact_start < now()"
            " AND datname = $1 AND backend_type = 'client backend'"
        )
        return not await connection.fetchval(under_way, urls["name"])

    with service.export() as response:
        before = response.read()
    last = [json.loads(line) for line in before.splitlines()[-2:]]
    with service.export() as response:
        begin = response.read(BEGIN)
        try:
            await until(nobody_is_in_a_transaction, 3)  # one of an export's would last four
        finally:
            await connection.close()
        service.call("PATCH", f"{PATH}/{last[0]['id']}", {"notes": "changed"})
        service.call("DELETE", f"{PATH}/{last[1]['id']}")
        service.call("POST", PATH, DRAFT | {"spent_on": "1990-01-01"})
        assert begin + response.read() == before
    with service.export() as response:
        after = response.read()
    assert after.count(b"\n") == before.count(b"\n") == ROWS
    assert after != before


@asynccontextmanager
async def no_way_to(superuser_url: str, database: str) -> AsyncIterator[None]:
    """Nobody gets into the database, and who was in it is out."""
    allow = f"ALTER DATABASE {database} ALLOW_CONNECTIONS"
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
    connection = await asyncpg.connect(superuser_url)
    await connection.execute(f"{allow} false")
    try:
        await connection.fetch(end, database)
        yield
    finally:
        await connection.execute(f"{allow} true")
        await connection.close()


@pytest.mark.parametrize("path", ["export?format=csv", "archive"])
async def test_it_waits_for_postgres_and_goes_on(
    service: Service, urls: dict[str, str], superuser_url: str, path: str
) -> None:
    with service.download(path) as response:
        whole = response.read()
    with service.download(path) as response:
        begin = response.read(BEGIN)
        async with no_way_to(superuser_url, urls["name"]):
            rest = asyncio.create_task(asyncio.to_thread(response.read))
            await asyncio.wait([rest], timeout=1.0)
            assert not rest.done()
        assert begin + await rest == whole


async def test_when_postgres_stays_away_it_is_cut(
    service: Service, urls: dict[str, str], superuser_url: str
) -> None:
    with service.export("csv") as response:
        response.read(BEGIN)
        async with no_way_to(superuser_url, urls["name"]):
            began = time.monotonic()
            with pytest.raises(IncompleteRead):
                response.read()
        assert time.monotonic() - began > PATIENCE_SECONDS - LONGEST_PAUSE_SECONDS - 0.5


async def test_what_was_erased_meanwhile_cuts_it(service: Service, urls: dict[str, str]) -> None:
    with service.export() as response:
        response.read(BEGIN)
        await postgres.execute(urls["owner"], "DELETE FROM change_log WHERE seq < 1000")
        with pytest.raises(IncompleteRead):
            response.read()


async def test_a_reader_that_goes_leaves_nothing_behind(service: Service) -> None:
    service.call("GET", PATH)
    before = service.files()
    for _ in range(5):
        with service.export() as response:
            response.read(BEGIN)
        service.call("GET", PATH)  # answered after it is heard that the reader has gone
    await until(lambda: service.files() <= before + 1)  # also the last connection is closed


async def test_memory_stays_where_it_was(service: Service) -> None:
    service.call("GET", f"{PATH}/export?format=ndjson&tag=none")
    service.call("GET", f"{PATH}?limit=200")
    before = service.peak()
    for form in ("csv", "ndjson"):
        with service.export(form) as response:
            size = 0
            while block := response.read(1_000_000):
                size += len(block)
        assert size > 30_000_000
    assert service.peak() - before < 16_000
