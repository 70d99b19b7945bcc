"""Buckets in a real Redis, on a clock that stands still unless told."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from auth_service.sessions.errors import SessionsUnavailable
from auth_service.sessions.repository import connect
from auth_service.throttles.models import Bucket, Kind, Refusal, Ticket
from auth_service.throttles.repository import ThrottleStore
from tests.valkey import Valkey, free_port

WINDOW = Bucket("address", Kind.WINDOW, "throttle:address:a", 20, 600)
DELAY = Bucket("account", Kind.DELAY, "throttle:account:a", 5, 60)


class World:
    """A store and its clock, in seconds."""

    def __init__(self, url: str) -> None:
        self.now = 1_800_000_000.0
        self.redis = connect(url, None)
        self.store = ThrottleStore(self.redis, lambda: int(self.now * 1000))

    async def take(self, *buckets: Bucket) -> Ticket:
        taken = await self.store.take(buckets)
        assert isinstance(taken, Ticket), taken
        return taken

    async def wait_to_ask(self, *buckets: Bucket) -> float:
        """Seconds until an attempt is allowed."""
        refusal = await self.store.ask(buckets)
        return refusal.wait_ms / 1000 if refusal else 0.0

    async def wait(self, *buckets: Bucket) -> float:
        """The same; asking and taking agree."""
        refusal = await self.store.ask(buckets)
        if refusal is not None:
            assert await self.store.take(buckets) == refusal
        return refusal.wait_ms / 1000 if refusal else 0.0


@pytest.fixture
async def world(redis_url: str) -> AsyncIterator[World]:
    world = World(redis_url)
    yield world
    await world.redis.aclose()


async def test_a_window_takes_as_many_as_it_may_and_slides(world: World) -> None:
    for _ in range(20):
        assert await world.wait(WINDOW) == 0
        await world.take(WINDOW)
        world.now += 1
    assert await world.wait(WINDOW) == 580
    world.now += 579.999
    assert await world.wait(WINDOW) == 0.001
    world.now += 0.001
    await world.take(WINDOW)
    assert await world.wait(WINDOW) == 1


async def test_refusals_do_not_count(world: World) -> None:
    for _ in range(20):
        await world.take(WINDOW)
    for _ in range(50):
        assert await world.wait(WINDOW) == 600


async def test_a_delay_doubles_from_the_fifth_failure_to_a_minute(world: World) -> None:
    for _ in range(5):
        assert await world.wait(DELAY) == 0
        await world.take(DELAY)
    for seconds in (1, 2, 4, 8, 16, 32, 60, 60, 60):
        assert await world.wait(DELAY) == seconds
        world.now += seconds - 0.001
        assert await world.wait(DELAY) == 0.001
        world.now += 0.001
        await world.take(DELAY)


async def test_what_is_given_back_was_never_counted(world: World) -> None:
    for _ in range(19):
        await world.take(WINDOW)
    for _ in range(30):
        await world.store.give_back(await world.take(WINDOW))
    await world.take(WINDOW)
    assert await world.wait(WINDOW) == 600


async def test_a_success_begins_the_delay_anew(world: World) -> None:
    for _ in range(5):
        await world.take(DELAY)
    world.now += 1
    await world.store.give_back(await world.take(DELAY))
    assert await world.wait(DELAY) == 0


async def test_the_bucket_that_refuses_longest_is_told(world: World) -> None:
    for _ in range(5):
        await world.take(WINDOW, DELAY)
    assert await world.store.ask([WINDOW, DELAY]) == Refusal(DELAY, 1000)
    for _ in range(15):
        await world.take(WINDOW)
    assert await world.store.ask([WINDOW, DELAY]) == Refusal(WINDOW, 600_000)
    assert await world.store.ask([DELAY]) == Refusal(DELAY, 1000)


async def test_a_thousand_at_once_are_no_more_than_one_after_the_other(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("CONNECT", "ANSWER", "TOGETHER"):
        monkeypatch.setattr(f"auth_service.sessions.repository.{limit}_SECONDS", 60.0)
    world = World(redis_url)
    taken = await asyncio.gather(*(world.store.take([WINDOW]) for _ in range(1000)))
    assert sum(isinstance(one, Ticket) for one in taken) == 20
    await world.redis.aclose()


async def test_every_count_forgets_by_itself(world: World) -> None:
    await world.take(WINDOW, DELAY)
    for bucket in (WINDOW, DELAY):
        assert 0 < await world.redis.ttl(bucket.key) <= 3600


async def test_runs_under_the_rules_of_the_product(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The user that the service has in production may do all of it, and nothing else."""
    folder = tmp_path_factory.mktemp("acl")
    safe = "resetchannels -@all +@read +@write +@transaction +@connection -@dangerous"
    keys = "resetkeys ~session:* ~user_sessions:* ~throttle:*"
    rules = f"user auth on >secret {keys} {safe} +eval +evalsha +script|load\n"
    (folder / "users.acl").write_text("user default on nopass ~* &* +@all\n" + rules)
    with Valkey("--aclfile", str(folder / "users.acl")) as server:
        world = World(server.url.replace("redis://", "redis://auth:secret@"))
        ticket = await world.take(WINDOW, DELAY)
        await world.store.give_back(ticket)
        with pytest.raises(SessionsUnavailable):
            await world.store.take([Bucket("address", Kind.WINDOW, "elsewhere", 20, 600)])
        await world.redis.aclose()


async def test_asking_writes_nothing(world: World) -> None:
    for _ in range(20):
        await world.take(WINDOW)
    before = await world.redis.dump(WINDOW.key)
    world.now += 1000
    assert await world.wait_to_ask(WINDOW, DELAY) == 0
    assert await world.redis.dump(WINDOW.key) == before
    assert await world.redis.keys("*") == [WINDOW.key]


async def test_what_left_the_window_is_not_kept(world: World) -> None:
    for _ in range(50):
        await world.take(WINDOW)
        world.now += 100
    assert await world.redis.zcard(WINDOW.key) == 6


@pytest.mark.parametrize("buckets", [(WINDOW,), (DELAY,), (WINDOW, DELAY)])
async def test_a_full_redis_lets_nobody_try_and_keeps_nothing(buckets: tuple[Bucket, ...]) -> None:
    with Valkey("--maxmemory-policy", "noeviction") as server:
        world = World(server.url)
        await world.redis.config_set("maxmemory", 1)
        assert await world.wait_to_ask(*buckets) == 0
        with pytest.raises(SessionsUnavailable):
            await world.store.take(buckets)
        assert await world.redis.keys("*") == []
        await world.redis.aclose()


async def test_a_redis_that_restarted_empty_has_forgotten() -> None:
    with Valkey() as server:
        world = World(server.url)
        for _ in range(20):
            ticket = await world.take(WINDOW)
        assert await world.wait(WINDOW) == 600
        server.kill()
        server.start()
        await world.store.give_back(ticket)
        assert await world.wait_to_ask(WINDOW) == 0
        await world.take(WINDOW)
        await world.redis.aclose()


async def test_without_redis_nobody_is_let_try() -> None:
    world = World(f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(SessionsUnavailable):
        await world.store.ask([WINDOW])
    await world.redis.aclose()
