"""The largest import: 100 000 rows in 64 MiB, twice, against a service of its own."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from expenses_service.settings import Settings
from tests.expense_calls import ADA
from tests.integration.test_process import served
from tests.ledger import DIFFERENCES
from tests.tokens import SigningKey, access_claims
from tests.transfers import CSV, EXPORT, IMPORT, done

ROWS = 100_000
SIZE = 64 * 1024 * 1024
HEAD = b"source,external_id,spent_on,amount,currency,description,tags,notes\n"


def body(rows: int, size: int) -> bytes:
    """So many rows, filled up with notes to the very size."""
    lines = [
        b'bank,%06d,2026-%02d-%02d,%d.%02d,EUR,Lunch %d,"[""a"",""b""]",'
        % (n, n % 12 + 1, n % 28 + 1, n % 1000, n % 99 + 1, n)
        for n in range(rows)
    ]
    each, rest = divmod(size - len(HEAD) - sum(map(len, lines)) - rows, rows)
    notes = (b"x" * (each + (n < rest)) for n in range(rows))
    return HEAD + b"".join(b"%b%b\n" % pair for pair in zip(lines, notes, strict=True))


class Watch(Thread):
    """The most memory, in KiB, that the service and its parsers ever had."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self.over = False
        self.parser = 0

    def service(self) -> int:
        return peak(self._pid)

    def run(self) -> None:
        while not self.over:
            for file in Path(f"/proc/{self._pid}/task").glob("*/children"):
                for child in file.read_text().split():
                    self.parser = max(self.parser, peak(int(child)))
            time.sleep(0.01)


def peak(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(status.partition("VmHWM:")[2].split()[0]) if "VmHWM:" in status else 0


@pytest.fixture
def place(settings: Settings) -> Iterator[tuple[str, Watch]]:
    with served(settings) as (process, url):
        watch = Watch(process.pid)
        watch.start()
        yield urlsplit(url).netloc, watch
        watch.over = True
        watch.join()


async def test_the_largest_file_goes_in_whole_and_once(
    place: tuple[str, Watch], urls: dict[str, str], signing_key: SigningKey
) -> None:
    netloc, watch = place
    bearer = {"Authorization": f"Bearer {signing_key.token(access_claims(ADA))}"}

    def post(data: bytes) -> tuple[int, dict[str, Any]]:
        with closing(HTTPConnection(netloc, timeout=120)) as connection:
            connection.request("POST", IMPORT, data, bearer | CSV)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    largest = body(ROWS, SIZE)
    assert len(largest) == SIZE
    assert post(HEAD + b"bank,000000,2026-01-01,0.01,EUR,x,,\n")[1] == done(created=1)
    before = watch.service()
    assert post(largest) == (200, done(created=ROWS - 1, updated=1))
    assert post(largest) == (200, done(unchanged=ROWS))
    assert watch.service() - before < 24_000
    assert 0 < watch.parser < 100_000
    status, problem = post(body(ROWS + 1, SIZE))
    assert (status, problem["errors"][0]["code"]) == (422, "too_many_rows")
    assert problem["errors"][0]["line"] == ROWS + 2
    with closing(HTTPConnection(netloc, timeout=120)) as connection:
        connection.request("GET", f"{EXPORT}?format=ndjson", headers=bearer)
        assert connection.getresponse().read().count(b"\n") == ROWS
    owner = await asyncpg.connect(urls["owner"])
    try:
        await owner.execute("ANALYZE")
        assert tuple(await owner.fetchrow(DIFFERENCES) or ()) == (0, 0, 0, 0)
    finally:
        await owner.close()
