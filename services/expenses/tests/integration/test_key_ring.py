"""The key ring against a real HTTP server and a real file."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from expenses_service.keys.errors import KeysUnavailable
from expenses_service.keys.repository import FileKeySource, HttpKeySource
from expenses_service.keys.service import (
    REFETCH_COOLDOWN_SECONDS,
    STALE_IF_ERROR_SECONDS,
    UNKNOWN_KID_SECONDS,
    KeyRing,
    open_key_ring,
)
from tests.jwks_server import JwksServer
from tests.tokens import SigningKey, key_set
from tests.waiting import in_time, until

KEY = SigningKey.generate()
NEXT = SigningKey.generate()


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[JwksServer]:
    with JwksServer(key_set(KEY)) as running:
        yield running


@asynccontextmanager
async def started(url: str, clock: Clock | None = None) -> AsyncIterator[KeyRing]:
    ring = KeyRing(HttpKeySource(url), clock or Clock())
    await ring.start()
    try:
        yield ring
    finally:
        await ring.close()


async def test_keys_come_at_start_and_no_request_fetches_again(server: JwksServer) -> None:
    async with started(server.url) as ring:
        await until(ring.ready)
        for _ in range(100):
            key = await ring.find(KEY.kid)
            assert key is not None
            assert key.kid == KEY.kid
    assert len(server.paths) == 1


async def test_unknown_kids_cost_one_fetch_in_ten_seconds(server: JwksServer) -> None:
    clock = Clock()
    async with started(server.url, clock) as ring:
        await until(ring.ready)
        for second in range(60):
            clock.now += 1
            kids = [f"{second:03}{number:040}" for number in range(100)]
            assert await asyncio.gather(*map(ring.find, kids)) == [None] * 100
    assert len(server.paths) <= 1 + 60 / REFETCH_COOLDOWN_SECONDS


async def test_a_kid_just_found_unknown_is_not_asked_for_again(server: JwksServer) -> None:
    clock = Clock()
    async with started(server.url, clock) as ring:
        await until(ring.ready)
        clock.now += REFETCH_COOLDOWN_SECONDS
        for _ in range(2):
            assert await ring.find(NEXT.kid) is None
            clock.now += REFETCH_COOLDOWN_SECONDS
        assert len(server.paths) == 2
        clock.now += UNKNOWN_KID_SECONDS
        assert await ring.find(NEXT.kid) is None
        assert len(server.paths) == 3


async def test_a_key_that_was_asked_for_too_early_is_there_before_it_signs(
    server: JwksServer,
) -> None:
    """Auth publishes a key 15 s before it signs; a key set may be a second old."""
    clock = Clock()
    async with started(server.url, clock) as ring:
        await until(ring.ready)
        clock.now += REFETCH_COOLDOWN_SECONDS
        assert await ring.find(NEXT.kid) is None
        server.body = key_set(KEY, NEXT)
        clock.now += 14
        assert await ring.find(NEXT.kid) is not None


async def test_memory_of_unknown_kids_is_bounded(
    server: JwksServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("expenses_service.keys.service.MAX_UNKNOWN_KIDS", 1)
    clock = Clock()
    async with started(server.url, clock) as ring:
        await until(ring.ready)
        for kid in ("a" * 43, "b" * 43, "a" * 43):
            clock.now += REFETCH_COOLDOWN_SECONDS
            assert await ring.find(kid) is None
    assert len(server.paths) == 4


async def test_a_new_key_is_found_by_the_first_token_that_names_it(server: JwksServer) -> None:
    clock = Clock()
    async with started(server.url, clock) as ring:
        await until(ring.ready)
        clock.now += REFETCH_COOLDOWN_SECONDS
        server.body = key_set(KEY, NEXT)
        found = await asyncio.gather(*[ring.find(NEXT.kid) for _ in range(50)])
        assert {key.kid for key in found if key is not None} == {NEXT.kid}
        assert len(found) == 50
    assert len(server.paths) == 2


async def test_a_waiter_that_hangs_up_does_not_stop_the_fetch(server: JwksServer) -> None:
    clock = Clock()
    async with started(server.url, clock) as ring:
        await until(ring.ready)
        clock.now += REFETCH_COOLDOWN_SECONDS
        server.body = key_set(KEY, NEXT)
        server.delay.clear()
        gone, waiting = (asyncio.create_task(ring.find(NEXT.kid)) for _ in range(2))
        await asyncio.sleep(0.05)
        gone.cancel()
        server.delay.set()
        key = await waiting
        assert key is not None
        assert gone.cancelled()
    assert len(server.paths) == 2


BAD_ANSWERS: dict[str, tuple[int, bytes]] = {
    "500": (500, key_set(NEXT)),
    "HTML": (200, b"<!doctype html><h1>Welcome to our captive portal</h1>"),
    "empty": (200, b""),
    "no keys": (200, b'{"keys": []}'),
    "redirect": (302, b""),
    "404": (404, b""),
    "204": (204, b""),
    "10 MB": (200, key_set(NEXT)[:-1] + b" " * 10 * 2**20 + b"}"),
}


@pytest.mark.parametrize(("status", "body"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
async def test_a_bad_answer_leaves_the_old_set(
    server: JwksServer, status: int, body: bytes
) -> None:
    clock = Clock()
    async with started(server.url, clock) as ring:
        await until(ring.ready)
        clock.now += REFETCH_COOLDOWN_SECONDS
        server.status, server.body = status, body
        server.headers["Location"] = server.url + "?followed"
        with pytest.raises(KeysUnavailable):
            await ring.find(NEXT.kid)
        assert await ring.find(KEY.kid) is not None
        assert len(server.paths) == 2
        assert not any("followed" in path for path in server.paths)


async def test_auth_gone_the_last_set_holds_for_a_day_and_comes_back(server: JwksServer) -> None:
    clock = Clock()
    async with started(server.url, clock) as ring:
        await until(ring.ready)
        server.status = 503
        clock.now += STALE_IF_ERROR_SECONDS
        assert ring.holds(KEY.kid)
        assert await ring.find(KEY.kid) is not None
        clock.now += 1
        assert not ring.holds(KEY.kid)
        with pytest.raises(KeysUnavailable):
            await ring.find(KEY.kid)


async def test_started_without_auth_it_heals_alone(server: JwksServer) -> None:
    server.status = 503
    async with started(server.url) as ring:
        await until(lambda: bool(server.paths))
        assert not ring.ready()
        with pytest.raises(KeysUnavailable):
            await ring.find(KEY.kid)
        server.status = 200
        await until(ring.ready)
        assert await ring.find(KEY.kid) is not None


async def test_a_request_before_the_first_answer_waits_for_it(server: JwksServer) -> None:
    server.delay.clear()
    async with started(server.url) as ring:
        await asyncio.sleep(0.05)
        early = asyncio.create_task(ring.find(KEY.kid))
        await asyncio.sleep(0.05)
        server.delay.set()
        assert await early is not None


@pytest.mark.impatient
async def test_an_answer_that_never_comes_is_given_up(server: JwksServer) -> None:
    server.delay.clear()

    async def given_up() -> float:
        async with started(server.url) as ring:
            await asyncio.sleep(0.05)
            began = time.monotonic()
            with pytest.raises(KeysUnavailable):
                await ring.find(KEY.kid)
            return time.monotonic() - began

    await in_time(given_up, 4)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/jwks.json", "http://[", "ftp://127.0.0.1/"])
async def test_an_address_where_nobody_is(url: str) -> None:
    async with started(url) as ring:
        await asyncio.sleep(0.1)
        with pytest.raises(KeysUnavailable):
            await ring.find(KEY.kid)


async def test_the_set_is_refreshed_in_the_background(
    server: JwksServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HttpKeySource, "refresh_seconds", 0.05)
    async with started(server.url) as ring:
        await until(ring.ready)
        server.body = key_set(NEXT)
        await until(lambda: ring.holds(NEXT.kid))
        assert not ring.holds(KEY.kid)


async def test_a_file_is_read_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileKeySource, "refresh_seconds", 0.05)
    file = tmp_path / "jwks.json"
    ring = open_key_ring(url=None, path=file)
    await ring.start()
    try:
        await asyncio.sleep(0.05)
        assert not ring.ready()
        file.write_bytes(key_set(KEY))
        await until(ring.ready)
        replacement = tmp_path / "new.json"
        replacement.write_bytes(key_set(NEXT))
        replacement.replace(file)
        await until(lambda: ring.holds(NEXT.kid))
    finally:
        await ring.close()


@pytest.mark.parametrize("both", [True, False])
def test_exactly_one_source(*, both: bool) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        open_key_ring(url="http://auth" if both else None, path=Path("jwks") if both else None)
