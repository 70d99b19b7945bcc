"""The pool of threads that hash: full is full, and what is begun is finished."""

import asyncio
import os
import threading

import pytest
from argon2 import Parameters, extract_parameters

from auth_service.accounts.argon2id import Argon2id
from auth_service.accounts.errors import Busy
from auth_service.accounts.passwords import NICENESS, PasswordPool


def pool(threads: int = 1, waiting: int = 1) -> PasswordPool:
    return PasswordPool(time_cost=1, memory_kib=8, threads=threads, waiting=waiting)


@pytest.fixture
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody leaves the line because a thread, which is nice, has no core for a while."""
    monkeypatch.setattr("auth_service.accounts.passwords.WAIT_SECONDS", 60.0)


async def test_a_password_is_recognised() -> None:
    passwords = pool()
    encoded = await passwords.hash("one two three four")
    assert encoded.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert await passwords.verify(encoded, "one two three four")
    assert not await passwords.verify(encoded, "one two three fou")
    assert not await passwords.verify(None, "the password of nobody")
    assert not await passwords.verify("$argon2id$broken", "x")
    assert not passwords.is_outdated(encoded)
    stronger = PasswordPool(time_cost=2, memory_kib=16, threads=1, waiting=1)
    assert stronger.is_outdated(encoded)
    await passwords.close()
    await stronger.close()


async def test_beyond_those_at_work_and_in_line_is_busy() -> None:
    passwords = pool(threads=2, waiting=3)
    gate = threading.Event()
    at_work = [asyncio.create_task(passwords.run(gate.wait)) for _ in range(5)]
    await asyncio.sleep(0.05)
    with pytest.raises(Busy) as refused:
        await passwords.hash("x")
    assert refused.value.extensions["retry_after"] == 1
    at_work[0].cancel()  # the caller has gone, the thread has not
    await asyncio.sleep(0.01)
    with pytest.raises(Busy):
        await passwords.hash("x")
    gate.set()
    await asyncio.gather(*at_work, return_exceptions=True)
    assert await passwords.hash("x")
    await passwords.close()


async def test_who_finds_no_place_has_one_when_it_is_free_a_moment_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("auth_service.accounts.passwords.HELD_SECONDS", 2.0)
    passwords = pool(threads=1, waiting=1)
    gate = threading.Event()
    at_work = [asyncio.create_task(passwords.run(gate.wait)) for _ in range(2)]
    await asyncio.sleep(0.01)
    held = asyncio.create_task(passwords.require_room())
    await asyncio.sleep(0.01)
    assert not held.done()
    gate.set()
    await asyncio.gather(*at_work)
    await held
    await passwords.close()


async def test_at_most_so_many_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who leaves is held no more, and the next beyond is refused in the same turn of the loop."""
    monkeypatch.setattr("auth_service.accounts.passwords.HELD_AT_ONCE", 2)
    passwords = pool(threads=1, waiting=1)
    gate = threading.Event()
    at_work = [asyncio.create_task(passwords.run(gate.wait)) for _ in range(2)]
    await asyncio.sleep(0.01)
    try:
        for _ in range(3):
            held = [asyncio.create_task(passwords.require_room()) for _ in range(3)]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert [one.done() for one in held] == [False, False, True]
            held[0].cancel()
            outcomes = await asyncio.gather(*held, return_exceptions=True)
            assert [type(one) for one in outcomes] == [asyncio.CancelledError, Busy, Busy]
    finally:
        gate.set()
    await asyncio.gather(*at_work)
    await passwords.require_room()
    await passwords.close()


@pytest.mark.usefixtures("_patience")
async def test_a_thread_goes_on_without_the_event_loop() -> None:
    """As many as there are threads are at hand, and begin though the loop has no time."""
    passwords = pool(threads=2, waiting=3)
    both, gate, began = threading.Barrier(3), threading.Event(), threading.Semaphore(0)
    at_work = [asyncio.create_task(passwords.run(both.wait)) for _ in range(2)]

    def begin() -> None:
        began.release()
        gate.wait()

    after = [asyncio.create_task(passwords.run(begin)) for _ in range(3)]
    await asyncio.sleep(0.05)
    try:
        both.wait(20)
        assert [began.acquire(timeout=20) for _ in range(2)] == [True, True]
    finally:
        gate.set()
    await asyncio.gather(*at_work, *after)
    await passwords.close()


async def test_the_event_loop_goes_first() -> None:
    passwords = pool()
    own = os.nice(0)
    assert await passwords.run(lambda: os.nice(0)) == min(19, own + NICENESS)
    assert os.nice(0) == own
    await passwords.close()


@pytest.mark.usefixtures("_patience")
async def test_who_leaves_the_line_leaves_the_place() -> None:
    passwords = pool(threads=1, waiting=2)
    gate = threading.Event()
    at_work = [asyncio.create_task(passwords.run(gate.wait)) for _ in range(2)]
    try:
        for _ in range(5):
            in_line = asyncio.create_task(passwords.hash("x"))
            await asyncio.sleep(0.01)
            with pytest.raises(Busy):
                await passwords.hash("x")
            in_line.cancel()
            with pytest.raises(asyncio.CancelledError):
                await in_line
    finally:
        gate.set()
    await asyncio.gather(*at_work)
    assert await passwords.hash("x")
    await passwords.close()


async def test_a_cancelled_turn_lasts_until_its_thread_is_free() -> None:
    passwords = pool(threads=1, waiting=1)
    gate = threading.Event()
    at_work = asyncio.create_task(passwords.run(gate.wait))
    await asyncio.sleep(0.01)
    began = asyncio.create_task(passwords.run(threading.Event().is_set))
    try:
        for _ in range(3):
            at_work.cancel()
            await asyncio.sleep(0.01)
            assert not began.done()
            async with asyncio.timeout(1):
                with pytest.raises(Busy):
                    await passwords.hash("x")
    finally:
        gate.set()
    assert not await began
    with pytest.raises(asyncio.CancelledError):
        await at_work
    await passwords.close()


async def test_nobody_waits_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth_service.accounts.passwords.WAIT_SECONDS", 0.05)
    passwords = pool(threads=1, waiting=2)
    gate = threading.Event()
    at_work = [asyncio.create_task(passwords.run(gate.wait)) for _ in range(2)]
    await asyncio.sleep(0.01)
    try:
        for _ in range(3):
            with pytest.raises(Busy):
                await passwords.hash("x")
    finally:
        gate.set()
    await asyncio.gather(*at_work)
    assert await passwords.hash("x")
    await passwords.close()


async def test_nobodys_password_costs_as_much_as_somebodys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same function over a hash of the same parameters, whoever it is."""
    worked: list[tuple[Parameters, str]] = []
    verify = Argon2id.verify

    def counted(self: Argon2id, encoded: str, password: str) -> bool:
        worked.append((extract_parameters(encoded), password))
        return verify(self, encoded, password)

    monkeypatch.setattr(Argon2id, "verify", counted)
    passwords = PasswordPool(time_cost=2, memory_kib=64, threads=1, waiting=1)
    for known in (await passwords.hash("one two three four"), None):
        assert not await passwords.verify(known, "five six seven eight")
    assert len(worked) == 2
    assert worked[0] == worked[1]
    assert not await passwords.verify(None, "the password of nobody")
    await passwords.close()


async def test_who_hashes_nothing_for_a_while_holds_no_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = asyncio.Event()
    monkeypatch.setattr(Argon2id, "release", lambda _: released.set())
    monkeypatch.setattr("auth_service.accounts.passwords.IDLE_SECONDS", 0.05)
    passwords = pool()
    for _ in range(2):
        released.clear()
        await passwords.hash("x")
        await asyncio.wait_for(released.wait(), 10)
    await passwords.close()


async def test_without_memory_for_a_hash_it_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> bool:
        raise MemoryError

    passwords = pool(waiting=0)
    encoded = await passwords.hash("x")
    with monkeypatch.context() as without:
        without.setattr(Argon2id, "verify", none)
        without.setattr(Argon2id, "hash", none)
        for work in (passwords.hash("x"), passwords.verify(encoded, "x")):
            with pytest.raises(Busy):
                await work
    assert await passwords.hash("x")
    await passwords.close()


@pytest.mark.usefixtures("_patience")
async def test_nobody_holds_the_line_against_the_others() -> None:
    """Full, it gives somebody new the last place of whoever has most, and no more than theirs."""
    passwords = pool(threads=1, waiting=5)
    gate = threading.Event()
    came: list[tuple[str, asyncio.Task[bool]]] = []

    async def come(whose: str) -> None:
        came.append((whose, asyncio.create_task(passwords.run(gate.wait, whose))))
        await asyncio.sleep(0.01)

    try:
        for _ in range(6):
            await come("crowd")  # one at work, one at hand, four in line
        assert passwords.room == 0
        for _ in range(2):
            await passwords.require_room("one")
            await come("one")
        assert passwords.room == 0
        for whose in ("crowd", "one"):  # each has two of the four places
            with pytest.raises(Busy):
                await passwords.require_room(whose)
            with pytest.raises(Busy):
                await passwords.run(gate.wait, whose)
        await come("third")
        await come("fourth")
        with pytest.raises(Busy):
            await passwords.require_room("fifth")  # everybody has one
    finally:
        gate.set()
    told = await asyncio.gather(*(task for _, task in came), return_exceptions=True)
    served = [whose for (whose, _), outcome in zip(came, told, strict=True) if outcome is True]
    assert served == ["crowd", "crowd", "crowd", "one", "third", "fourth"]
    assert sum(isinstance(outcome, Busy) for outcome in told) == 4
    assert passwords.room == 6
    await passwords.close()
