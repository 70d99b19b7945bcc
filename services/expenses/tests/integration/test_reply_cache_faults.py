"""The reply cache on a real Valkey that is killed, hung, filled and not let in."""

import asyncio
import signal
import time

import pytest
import uvloop

from expenses_service.cache.repository import ReplyStore, connect
from expenses_service.cache.service import ReplyCache, open_replies
from tests.replies import Truth, stored
from tests.valkey import Valkey
from tests.waiting import in_time

SLOWEST = 0.25
NOISE = 0.25  # of a busy machine


async def test_killed_it_costs_speed_only_and_heals(
    valkey: Valkey, cache: ReplyCache, truth: Truth
) -> None:
    await truth.met(cache)
    await truth.read(cache)
    await stored(valkey, 1)
    valkey.kill()
    for _ in range(20):
        assert (await truth.read(cache)).body == b"body of 1"
    valkey.start()
    await heal(cache, truth)


def test_a_connection_that_is_reset_at_this_moment_is_made_anew(valkey: Valkey) -> None:
    """By uvloop, which the service runs on: there, writing to it is a RuntimeError."""

    async def reads() -> None:
        connection = connect(valkey.url, None)
        store = ReplyStore(connection)
        store.put("key", b"value", 60)
        assert await store.get("key") == b"value"
        writer = connection._writer  # noqa: SLF001 - no other way
        assert writer is not None
        writer.transport.abort()
        assert await store.get("key") == b"value"
        assert store.usable
        await store.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(reads())


async def test_started_anew_it_is_used_at_once(
    valkey: Valkey, cache: ReplyCache, truth: Truth
) -> None:
    await truth.met(cache)
    await truth.read(cache)
    await stored(valkey, 1)
    valkey.kill()
    valkey.start()
    await truth.read(cache)
    assert cache.usable
    await stored(valkey, 1)


@pytest.mark.impatient
async def test_hung_it_costs_a_quarter_second_once_and_heals(
    valkey: Valkey, cache: ReplyCache, truth: Truth
) -> None:
    await truth.met(cache)
    await truth.read(cache)
    await stored(valkey, 1)

    async def hangs() -> float:
        """Of what may be, which part it took."""
        valkey.signal(signal.SIGSTOP)
        first = await seconds_of_a_read(cache, truth)
        later = [await seconds_of_a_read(cache, truth) for _ in range(100)]  # more than two probes
        valkey.signal(signal.SIGCONT)
        await heal(cache, truth)
        return max(first / (SLOWEST + NOISE), sorted(later)[90] / (SLOWEST / 5))

    await in_time(hangs, 1)


async def seconds_of_a_read(cache: ReplyCache, truth: Truth) -> float:
    await asyncio.sleep(0.025)
    began = time.monotonic()
    assert (await truth.read(cache)).body == f"body of {truth.version}".encode()
    return time.monotonic() - began


async def heal(cache: ReplyCache, truth: Truth) -> None:
    """Read until a new version's reply comes out of the cache again."""
    truth.version += 1
    async with asyncio.timeout(10):
        while True:
            before = truth.built
            assert (await truth.read(cache)).body == f"body of {truth.version}".encode()
            if truth.built == before:
                return
            await asyncio.sleep(0.05)


async def test_full_it_still_answers(truth: Truth) -> None:
    with Valkey("--maxmemory", "1", "--maxmemory-policy", "noeviction") as full:
        cache = open_replies(full.url, None)
        await truth.met(cache)
        for _ in range(5):
            assert (await truth.read(cache)).body == b"body of 1"
            await asyncio.sleep(0.01)
        assert full.client().dbsize() == 0
        await cache.close()


async def test_never_there_or_not_let_in(truth: Truth) -> None:
    with Valkey("--requirepass", "secret") as closed:
        for url in ("redis://127.0.0.1:1/0", closed.url):
            cache = open_replies(url, "wrong")
            await truth.met(cache)
            assert cache.usable
            assert (await truth.read(cache)).body == b"body of 1"
            assert cache.usable is False
            await asyncio.sleep(1.1)  # one probe that fails
            assert cache.usable is False
            assert (await truth.read(cache)).body == b"body of 1"
            await cache.close()
