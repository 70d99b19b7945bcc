"""Imports as a load on the service: where they are parsed, what they lock, how they fail."""

import asyncio
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from expenses_service.changes.repository import lock_user
from expenses_service.database import Database
from expenses_service.resources import IMPORTS
from expenses_service.transfer import imports, parser
from tests.expense_calls import ADA, PATH, made
from tests.ledger import DIFFERENCES
from tests.transfers import done, imported, listed, sent, table
from tests.waiting import until

NAMED = "source external_id amount currency description"


def many(count: int, description: str = "Lunch") -> str:
    return table(NAMED, *(["bank", n, "1.50", "EUR", f"{description} {n}"] for n in range(count)))


BIG = many(20_000)


def parsers() -> list[int]:
    """The processes that parse for this one."""
    children = Path("/proc/self/task").glob("*/children")
    pids = [int(pid) for file in children for pid in file.read_text().split()]
    return [pid for pid in pids if b"transfer.parsing" in command_of(pid)]


def command_of(pid: int) -> bytes:
    """Empty when it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def parser_seen() -> int:
    await until(lambda: bool(parsers()), 30)
    return parsers()[0]


async def test_a_small_file_needs_no_process(
    ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = many(10)
    monkeypatch.setattr(parser, "SMALL_BYTES", len(body))
    seen = asyncio.create_task(parser_seen())
    assert await imported(ada, body) == done(created=10)
    assert not seen.done()
    assert await imported(ada, many(10, "Lunsh") + "\n") == done(updated=10)
    assert await seen


async def test_while_a_large_one_is_parsed_others_are_served(ada: httpx.AsyncClient) -> None:
    """Parsed here, these rows would keep the event loop to themselves from end to end."""
    task = asyncio.create_task(imported(ada, BIG))
    await parser_seen()
    served = 0
    while parsers():
        assert (await ada.get(f"{PATH}?limit=1")).status_code == 200
        served += 1
    assert served > 5
    assert await task == done(created=20_000)


async def test_a_parser_that_is_killed_takes_nothing_with_it(
    ada: httpx.AsyncClient, database: Database
) -> None:
    task = asyncio.create_task(sent(ada, BIG, Idempotency_Key="once"))
    os.kill(await parser_seen(), signal.SIGKILL)
    response = await task
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response.headers["retry-after"] == "10"
    assert await listed(ada) == []
    again = await sent(ada, BIG, Idempotency_Key="once")
    assert (again.status_code, again.json()) == (200, done(created=20_000))
    async with database.transaction() as connection:
        assert tuple((await connection.execute(text(DIFFERENCES))).one()) == (0, 0, 0, 0)


async def test_who_gives_up_leaves_no_parser(ada: httpx.AsyncClient) -> None:
    task = asyncio.create_task(sent(ada, BIG))
    await parser_seen()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not parsers(), 30)
    assert await listed(ada) == []


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


async def test_a_full_disk_is_a_passing_trouble(ada: httpx.AsyncClient) -> None:
    with disk_of(len(BIG) - 1):
        response = await sent(ada, BIG)
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response.headers["retry-after"]
    assert await listed(ada) == []


async def test_few_run_at_a_time_and_the_others_wait_for_their_turn(
    app: FastAPI, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: asyncio.Semaphore = app.state.resources.imports
    for _ in range(IMPORTS):
        await turns.acquire()
    with monkeypatch.context() as patch:
        patch.setattr(imports, "TURN_SECONDS", 0.05)
        response = await sent(ada, many(2))
    assert (response.status_code, response.headers["retry-after"]) == (503, "10")
    task = asyncio.create_task(imported(ada, many(1)))
    await made(ada)
    assert not task.done()
    turns.release()
    assert await task == done(created=1)
    assert len(await listed(ada)) == 2


@pytest.mark.impatient
async def test_a_writer_that_stays_keeps_an_import_out(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, database: Database
) -> None:
    async with database.transaction(seconds=60) as connection:
        await lock_user(connection, ADA)
        response = await sent(ada, many(3))
        assert await imported(bob, many(3)) == done(created=3)
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response.headers["retry-after"]
    assert await listed(ada) == []


async def test_an_import_that_takes_too_long_is_cut(
    ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(imports, "IMPORT_SECONDS", 0.2)
        response = await sent(ada, BIG)
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert await listed(ada) == []
    assert await imported(ada, many(3)) == done(created=3)


async def test_imports_and_single_writes_of_one_user_all_count(
    ada: httpx.AsyncClient, database: Database
) -> None:
    async def single() -> None:
        for _ in range(20):
            await made(ada)

    files = [many(500), many(500), many(300, "Dinner")]
    results = await asyncio.gather(*(imported(ada, file) for file in files), single(), single())
    created = sum(result["created"] for result in results[:3] if result)
    assert created == 500
    assert len(await listed(ada)) == 540
    async with database.transaction() as connection:
        assert tuple((await connection.execute(text(DIFFERENCES))).one()) == (0, 0, 0, 0)


async def test_a_connection_takes_import_after_import(ada: httpx.AsyncClient) -> None:
    """Its prepared statements meet temporary tables that are new each time."""
    for number in range(1, 9):
        assert await imported(ada, many(3, f"Lunch {number}")) == (
            done(created=3) if number == 1 else done(updated=3)
        )
