"""The atomic rotation, row by row of the table in SECURITY.md, on a real server."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import uvloop

from auth_service.ids import uuid7
from auth_service.sessions.models import Outcome, Session
from auth_service.sessions.repository import SessionStore, connect

INTERVAL = 30_000
IDLE = 14 * 24 * 3600 * 1000


class Clock:
    """Redis's own, until a test gives an instant in milliseconds."""

    now: int | str = ""

    def __call__(self) -> int | str:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(redis_url: str, clock: Clock) -> AsyncIterator[SessionStore]:
    store = SessionStore(connect(redis_url, None), clock)
    yield store
    await store.close()


def session(**changes: object) -> Session:
    now = time.time_ns() // 1_000_000
    fields: dict[str, object] = {
        "id": uuid7(), "user_id": uuid4(), "ver": 1, "generation": 5, "rotated_ms": now,
        "secret": b"s" * 32, "expires_ms": now + 30 * 24 * 3600 * 1000, "auth_time": now // 1000,
        "created_ms": now, "seen_ms": now, "user_agent": "a", "ip": None, "active": True,
    }  # fmt: skip
    return Session(**(fields | changes))  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize(
    ("given", "after_ms", "decision", "rotates"),
    [
        (5, 30_000, (Outcome.ROTATED, 6), True),
        (5, 29_999, (Outcome.SAME, 5), False),
        (4, 29_999, (Outcome.GRACE, 5), False),
        (4, 30_000, (Outcome.REUSE, 5), False),
        (6, 0, (Outcome.FAST_FORWARD, 6), True),
        (6, 90_000, (Outcome.FAST_FORWARD, 6), True),
        (3, 0, (Outcome.REUSE, 5), False),
        (7, 0, (Outcome.REUSE, 5), False),
        (1, 10**9, (Outcome.REUSE, 5), False),
    ],
)
async def test_the_table(
    store: SessionStore,
    clock: Clock,
    given: int,
    after_ms: int,
    decision: tuple[Outcome, int],
    *,
    rotates: bool,
) -> None:
    one = session()
    await store.add(one, 50)
    clock.now = now = one.rotated_ms + after_ms
    decided = await store.rotate(one.id, given, INTERVAL)
    assert decided == (*decision, now if rotates else one.rotated_ms)
    after = await store.find(one.id)
    assert after is not None
    assert after.active is (decision[0] is not Outcome.REUSE)
    if not after.active:
        again = await store.rotate(one.id, 5, INTERVAL)
        assert again[0] is Outcome.REVOKED


async def test_a_session_that_is_not_there_is_absent(store: SessionStore) -> None:
    assert (await store.rotate(uuid7(), 1, INTERVAL))[0] is Outcome.ABSENT
    assert await store.find(uuid7()) is None


async def test_fifty_at_once_are_one_rotation(store: SessionStore, clock: Clock) -> None:
    one = session()
    await store.add(one, 50)
    clock.now = now = one.rotated_ms + INTERVAL
    decided = await asyncio.gather(*(store.rotate(one.id, 5, INTERVAL) for _ in range(50)))
    outcomes = [outcome for outcome, _, _ in decided]
    assert outcomes.count(Outcome.ROTATED) == 1
    assert outcomes.count(Outcome.GRACE) == 49
    assert {(generation, rotated) for _, generation, rotated in decided} == {(6, now)}


async def test_what_was_kept_is_found(store: SessionStore) -> None:
    one = session(user_agent=None, ip="203.0.113.0")
    await store.add(one, 50)
    assert await store.find(one.id) == one


async def test_the_oldest_above_the_most_have_to_end(store: SessionStore) -> None:
    user = uuid4()
    made = [session(user_id=user, created_ms=1_000_000 + n) for n in range(5)]
    surplus = [await store.add(one, 3) for one in made]
    assert surplus == [[], [], [], [made[0].id], [made[0].id, made[1].id]]
    assert [one.id for one in await store.of_user(user)] == [one.id for one in reversed(made)]
    await store.end(made[0].id, user)
    assert await store.add(session(user_id=user), 3) == [made[1].id, made[2].id]


async def test_ending_marks_and_never_makes(store: SessionStore) -> None:
    one = session()
    await store.end(one.id, one.user_id)
    assert await store.find(one.id) is None
    await store.add(one, 50)
    await store.end(one.id, one.user_id)
    found = await store.find(one.id)
    assert found is not None
    assert not found.active
    assert (await store.rotate(one.id, 5, INTERVAL))[0] is Outcome.REVOKED


async def test_an_ended_session_is_kept_for_ten_minutes(
    store: SessionStore, redis_url: str
) -> None:
    """Signing in again and again must not fill Redis with what has ended."""
    user = uuid4()
    kept, ended, short = (session(user_id=user) for _ in range(3))
    async with connect(redis_url, None) as redis:
        for one in (kept, ended, short):
            await store.add(one, 50)
        await redis.pexpire(f"session:{short.id}", 60_000)
        for one in (ended, short):
            await store.end(one.id, user)
        left = [await redis.pttl(f"session:{one.id}") for one in (kept, ended, short)]
        assert IDLE - 60_000 < left[0] <= IDLE
        assert 540_000 < left[1] <= 600_000
        assert 0 < left[2] <= 60_000
        await store.end_all(user)
        assert 0 < await redis.pttl(f"session:{kept.id}") <= 600_000
    assert await store.of_user(user) == []


async def test_who_signed_in_after_all_were_ended_stays_so(store: SessionStore) -> None:
    user = uuid4()
    before, after = session(user_id=user, ver=1), session(user_id=user, ver=2)
    for one in (before, after):
        await store.add(one, 50)
    await store.end_all(user, 2)
    assert [found.id for found in await store.of_user(user)] == [after.id]
    outcomes = [(await store.rotate(one.id, 5, INTERVAL))[0] for one in (before, after)]
    assert outcomes == [Outcome.REVOKED, Outcome.SAME]


async def test_rotations_are_timed_by_one_clock(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of Redis: replicas whose clocks differ would take a lost answer for a theft."""
    one = session(rotated_ms=0)
    await store.add(one, 50)
    now = time.time_ns()
    for name, ahead in (("time_ns", now + 3600 * 10**9), ("time", now / 10**9 + 3600)):
        monkeypatch.setattr(time, name, lambda ahead=ahead: ahead)
    outcome, generation, rotated_ms = await store.rotate(one.id, 5, INTERVAL)
    assert (outcome, generation) == (Outcome.ROTATED, 6)
    assert abs(rotated_ms - now // 10**6) < 60_000
    assert await store.rotate(one.id, 5, INTERVAL) == (Outcome.GRACE, 6, rotated_ms)


async def test_a_session_expires_when_idle_and_never_after_its_end(
    store: SessionStore, clock: Clock, redis_url: str
) -> None:
    redis = connect(redis_url, None)
    one = session()
    await store.add(one, 50)
    assert await redis.pexpiretime(f"session:{one.id}") == one.seen_ms + IDLE
    clock.now = one.expires_ms - 1000
    await store.rotate(one.id, 5, INTERVAL)
    assert await redis.pexpiretime(f"session:{one.id}") == one.expires_ms
    await redis.aclose()


def test_a_connection_that_is_reset_at_this_moment_is_made_anew(redis_url: str) -> None:
    """By uvloop, which the service runs on: there, writing to it is a RuntimeError."""

    async def asks_twice() -> None:
        redis = connect(redis_url, None)
        store, kept = SessionStore(redis), session()
        await store.add(kept, most=50)
        [connection] = redis.connection_pool._available_connections  # noqa: SLF001 - no other way
        writer = connection._writer  # noqa: SLF001 - the same
        assert writer is not None
        writer.transport.abort()
        assert [each.id for each in await store.of_user(kept.user_id)] == [kept.id]
        await store.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asks_twice())
