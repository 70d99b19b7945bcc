"""The reply cache on a real Valkey: what is kept, what is found, and what is asked of Postgres."""

import asyncio

import httpx
import pytest
import redis

from expenses_service.cache.models import Built, Reply
from expenses_service.cache.rules import entity_tag, pack, storage_key
from expenses_service.cache.service import ReplyCache, open_replies
from tests.expense_calls import PATH, made
from tests.replies import ALICE, BOB, Truth, at, stored
from tests.tokens import user_id
from tests.valkey import Valkey
from tests.waiting import until

KEY = storage_key(ALICE, "expenses?limit=50")


async def test_what_is_asked_for_once_is_neither_looked_for_nor_kept(
    valkey: Valkey, cache: ReplyCache, truth: Truth
) -> None:
    await truth.read(cache)
    truth.version = 2
    await truth.read(cache)
    await stored(valkey, 1)
    await cache.get_or_build(ALICE, "expenses?limit=51", at(2), truth.build)
    await cache.get_or_build(BOB, "expenses?limit=50", at(2), truth.build)
    await asyncio.sleep(0.1)
    assert valkey.client().keys() == [KEY.encode()]
    assert valkey.client().info("commandstats")["cmdstat_mget"]["calls"] == 1


async def test_what_another_process_kept_is_found_from_the_second_time_on(
    valkey: Valkey, cache: ReplyCache, truth: Truth
) -> None:
    await truth.met(cache)
    kept = await truth.read(cache)
    await stored(valkey, 1)
    beside = open_replies(valkey.url, None)
    try:
        assert await truth.read(beside) == kept
        assert truth.built == 2
        assert await truth.read(beside) == kept
        assert truth.built == 2
    finally:
        await beside.close()


async def test_a_second_read_builds_nothing(
    valkey: Valkey, cache: ReplyCache, truth: Truth
) -> None:
    await truth.met(cache)
    first = await truth.read(cache)
    await stored(valkey, 1)
    assert await truth.read(cache) == first
    assert truth.built == 1


async def test_another_version_is_another_reply(
    valkey: Valkey, cache: ReplyCache, truth: Truth
) -> None:
    await truth.met(cache)
    old = await truth.read(cache)
    await stored(valkey, 1)
    truth.version = 2
    new = await truth.read(cache)
    assert new.body == b"body of 2"
    assert new.etag != old.etag


async def test_what_was_built_is_kept_under_the_version_it_was_read_with(
    valkey: Valkey, cache: ReplyCache, truth: Truth
) -> None:
    await cache.get_or_build(ALICE, "expenses", at(1), truth.build)
    truth.version = 2  # a write came between the version's read and the rows'
    reply = await cache.get_or_build(ALICE, "expenses", at(1), truth.build)
    assert reply.etag == entity_tag(ALICE, 2, "expenses")
    await stored(valkey, 1)
    again = await cache.get_or_build(ALICE, "expenses", at(2), truth.build)
    assert again == reply
    assert truth.built == 2


async def test_no_user_query_or_version_shares_a_reply(valkey: Valkey, cache: ReplyCache) -> None:
    """Of the versions of a query, the last one that was read is kept."""
    wanted = [(u, v, q) for v in (1, 11) for u in (ALICE, BOB) for q in ("e?a=1", "e?a=11")]
    for number, (user, version, query) in enumerate(wanted * 2):
        body = f"{user} {version} {query}".encode()

        async def build(version: int = version, body: bytes = body) -> Built:
            return Built(version, body)

        await cache.get_or_build(user, query, at(version), build)
        reply = await cache.get_or_build(user, query, at(version), build)
        assert (reply.body, reply.version) == (body, version)
        await stored(valkey, min(number + 1, 4))
    assert len({entity_tag(*each) for each in wanted}) == len(wanted)


async def test_no_version_is_read_until_there_is_something_to_confirm(
    valkey: Valkey, cache: ReplyCache, truth: Truth
) -> None:
    async def fail() -> int:
        raise LookupError("asked")

    await cache.get_or_build(ALICE, "expenses", fail, truth.build)
    first = await cache.get_or_build(ALICE, "expenses", fail, truth.build)
    await stored(valkey, 1)
    with pytest.raises(LookupError):
        await cache.get_or_build(ALICE, "expenses", fail, truth.build)
    with pytest.raises(LookupError):
        await cache.get_or_build(BOB, "expenses", fail, truth.build, client_has=first.etag.__eq__)
    assert truth.built == 2


async def test_what_the_client_has_is_neither_looked_up_nor_built(
    cache: ReplyCache, truth: Truth
) -> None:
    tag = entity_tag(ALICE, 1, "expenses")
    for _ in range(2):
        same = await cache.get_or_build(
            ALICE, "expenses", at(1), truth.build, client_has=tag.__eq__
        )
        assert same == Reply(tag, b"", 1)
    other = await cache.get_or_build(ALICE, "expenses", at(2), truth.build, client_has=tag.__eq__)
    assert other.body == b"body of 1"
    assert truth.built == 1


async def test_a_value_that_was_stored_for_something_else_is_a_miss(
    valkey: Valkey, cache: ReplyCache, truth: Truth
) -> None:
    valkey.client().set(KEY, pack(entity_tag(BOB, 1, "expenses?limit=50"), b"of Bob"))
    assert (await truth.read(cache)).body == b"body of 1"


async def test_a_value_that_is_damaged_is_a_miss_and_is_stored_anew(
    ada: httpx.AsyncClient, cache_url: str
) -> None:
    await made(ada)
    with redis.Redis.from_url(cache_url) as client:

        async def asked(spelling: str) -> bytes:
            """By a target that the memory of the process does not know."""
            answer = await ada.get(f"{PATH}?{spelling}")
            assert answer.status_code == 200, answer.text
            await until(lambda: whole in {None, *client.mget(client.keys("reply:*"))})
            return answer.content

        whole = None
        body = await asked("limit=7&sort=-spent_on")
        assert await asked("limit=%37&sort=-spent_on") == body
        await until(lambda: client.dbsize() == 1)
        [key] = client.keys("reply:*")
        whole = client.get(key)
        assert whole.endswith(body)
        spellings = ["sort=-spent_on&limit=7", "limit=7", "limit=07", "limit=007", "limit=%37"]
        damages = [whole[: len(whole) // 2], whole[:-1], whole[:20], b"", b"x" * len(whole)]
        for spelling, damaged in zip(spellings, damages, strict=True):
            client.set(key, damaged)
            assert await asked(spelling) == body


async def test_entries_do_not_stay_for_ever(
    valkey: Valkey, cache: ReplyCache, truth: Truth
) -> None:
    await truth.met(cache)
    await truth.read(cache)
    await stored(valkey, 1)
    assert 0 < valkey.client().ttl(KEY) <= 3600


async def test_wiped_it_builds_again(valkey: Valkey, cache: ReplyCache, truth: Truth) -> None:
    await truth.met(cache)
    first = await truth.read(cache)
    await stored(valkey, 1)
    valkey.client().flushall()
    assert await truth.read(cache) == first
    assert truth.built == 2


async def test_without_a_cache_every_reply_is_built(truth: Truth) -> None:
    cache = open_replies("", None)
    assert await truth.read(cache) == await truth.read(cache)
    assert truth.built == 2
    await cache.close()


async def test_large_and_too_many_replies_are_not_kept(
    valkey: Valkey, cache: ReplyCache, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    await truth.met(cache)
    with monkeypatch.context() as small:
        small.setattr("expenses_service.cache.service.MAX_BODY_BYTES", 4)
        await truth.read(cache)
    monkeypatch.setattr("expenses_service.cache.repository.MAX_PENDING_PUTS", 0)
    await truth.read(cache)
    await asyncio.sleep(0.1)
    assert valkey.client().dbsize() == 0


async def test_reads_that_come_together_each_find_their_own(
    valkey: Valkey, cache: ReplyCache
) -> None:
    """More than go in one trip."""
    built: list[int] = []

    async def read(number: int) -> bytes:
        async def build() -> Built:
            built.append(number)
            return Built(1, str(number).encode())

        return (await cache.get_or_build(user_id(number), "expenses", at(1), build)).body

    for _ in range(3):
        bodies = await asyncio.gather(*map(read, range(1, 41)))
        assert bodies == [str(number).encode() for number in range(1, 41)]
        await stored(valkey, 40 if len(built) > 40 else 0)
    assert sorted(built) == sorted([*range(1, 41), *range(1, 41)])


async def test_what_build_raises_comes_through_and_is_not_kept(
    valkey: Valkey, cache: ReplyCache
) -> None:
    async def fail() -> Built:
        raise LookupError("no such thing")

    with pytest.raises(LookupError):
        await cache.get_or_build(ALICE, "expenses", at(1), fail)
    assert valkey.client().dbsize() == 0


async def test_readers_who_hang_up_never_mix_replies(cache: ReplyCache) -> None:
    """A cancelled read must not leave its answer on the connection for the next one."""

    async def read(number: int) -> None:
        async def build() -> Built:
            return Built(1, str(number).encode())

        reply = await cache.get_or_build(user_id(number % 20), "expenses", at(1), build)
        assert int(reply.body) % 20 == number % 20

    for wave in range(30):
        tasks = [asyncio.create_task(read(number)) for number in range(40)]
        await asyncio.sleep(0.0002 * wave)
        for task in tasks[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(o is None or isinstance(o, asyncio.CancelledError) for o in outcomes)
