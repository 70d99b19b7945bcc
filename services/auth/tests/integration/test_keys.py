"""Signing keys in Postgres: replicas agree on which one signs, and on which are published."""

import asyncio
import threading
from typing import Any

import jwt
import pytest

from auth_service.database import Database
from auth_service.keys import rules, service, tokens
from auth_service.keys.errors import InvalidToken, KeysUnavailable
from auth_service.keys.models import SigningKey
from auth_service.keys.service import KeyStore
from tests import postgres
from tests.keys import DAY, SECRET, kids, loaded, passes, reads, rows

ACCESS, REFRESH = "at+jwt", "rt+jwt"
PUBLISHED, LINGER, REFRESHABLE = 15, 600, 14 * DAY + 600

pytestmark = pytest.mark.usefixtures("no_keys")


class Clock:
    """Stands still until a test moves it."""

    seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested here is not what happens while Postgres takes its time."""
    monkeypatch.setattr(service, "PATIENCE_SECONDS", 20.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The one that tells how old what was read is."""
    clock = Clock()
    monkeypatch.setattr(service, "time", clock)
    return clock


async def names(store: KeyStore) -> list[str]:
    """The key set as it is published."""
    return [jwk["kid"] for jwk in await store.published()]


async def test_replicas_that_start_at_once_agree(database: Database, urls: dict[str, str]) -> None:
    stores = [KeyStore(database, SECRET) for _ in range(3)]
    await asyncio.gather(*(store.load() for store in stores))
    made = await kids(urls["owner"])
    assert [len(made[state]) for state in ("current", "next", "retired")] == [1, 1, 0]
    expected = {*made["current"], *made["next"]}
    assert [set(await names(store)) for store in stores] == [expected] * 3
    token = await stores[0].sign(ACCESS, {"a": 1})
    assert await stores[1].verify(token, ACCESS) == {"a": 1}
    assert await stores[2].sign(ACCESS, {"a": 1}) == token


async def test_a_successor_is_made_where_the_last_release_made_none(
    database: Database, urls: dict[str, str]
) -> None:
    before = await loaded(database)
    await postgres.execute(urls["owner"], "DELETE FROM signing_keys WHERE state = 'next'")
    after = await loaded(database)
    assert await after.sign(ACCESS, {}) == await before.sign(ACCESS, {})
    assert len(await names(after)) == 2


async def test_after_thirty_days_replicas_rotate_once(
    database: Database, urls: dict[str, str]
) -> None:
    stores = [await loaded(database), await loaded(database)]
    first = await kids(urls["owner"])
    await passes(urls["owner"], 30 * DAY - 60)
    await asyncio.gather(*(store.load() for store in stores))
    assert await kids(urls["owner"]) == first
    await passes(urls["owner"], 60)
    await asyncio.gather(*(store.load() for store in stores))
    then = await kids(urls["owner"])
    assert then["retired"] == first["current"]
    assert then["current"] == first["next"]
    assert len(then["next"]) == 1
    for store in stores:
        assert set(await names(store)) == {kid for state in then for kid in then[state]}
    assert await stores[0].sign(ACCESS, {}) == await stores[1].sign(ACCESS, {})


async def test_nothing_signs_before_every_reader_has_it(
    database: Database, urls: dict[str, str]
) -> None:
    store = await loaded(database, days=0)
    first = await kids(urls["owner"])
    assert PUBLISHED - 10 < await store.seconds_to_use() <= PUBLISHED
    with pytest.raises(KeysUnavailable):
        await store.rotate()
    assert await kids(urls["owner"]) == first
    await passes(urls["owner"], PUBLISHED)
    await store.load()
    assert (await kids(urls["owner"]))["current"] == first["next"]


async def test_the_last_days_of_a_key(database: Database, urls: dict[str, str]) -> None:
    store = await loaded(database)
    (old,) = (await kids(urls["owner"]))["current"]
    access, refresh = await store.sign(ACCESS, {"a": 1}), await store.sign(REFRESH, {"b": 1})
    await passes(urls["owner"], PUBLISHED)
    done = await store.rotate()
    assert done.old_kid == old
    assert await store.sign(ACCESS, {"a": 1}) != access

    await passes(urls["owner"], LINGER - 30)
    await store.load()
    assert old in await names(store)
    assert await store.verify(access, ACCESS) == {"a": 1}

    await passes(urls["owner"], 30)
    await store.load()
    assert old not in await names(store)
    with pytest.raises(InvalidToken):
        await store.verify(access, ACCESS)
    assert await store.verify(refresh, REFRESH, long_lived=True) == {"b": 1}

    await passes(urls["owner"], REFRESHABLE - LINGER - 30)
    await store.load()
    assert await store.verify(refresh, REFRESH, long_lived=True) == {"b": 1}

    await passes(urls["owner"], 30)
    await store.load()
    await store.load()
    with pytest.raises(InvalidToken):
        await store.verify(refresh, REFRESH, long_lived=True)
    assert (await kids(urls["owner"]))["retired"] == []


async def test_two_who_rotate_at_once_rotate_once(database: Database, urls: dict[str, str]) -> None:
    stores = [await loaded(database) for _ in range(3)]
    await passes(urls["owner"], PUBLISHED)
    done = await asyncio.gather(*(store.rotate() for store in stores))
    assert len(set(done)) == 1
    assert len(await rows(urls["owner"])) == 3


async def test_the_set_never_has_more_than_readers_take(
    database: Database, urls: dict[str, str]
) -> None:
    store = await loaded(database)
    await passes(urls["owner"], 60)
    await postgres.execute(
        urls["owner"],
        "INSERT INTO signing_keys SELECT 'old-' || n, alg, public_jwk, '', 'retired',"
        " now() - n * interval '1 minute', now(), now() FROM signing_keys,"
        " generate_series(2, 30) AS n WHERE state = 'current'",
    )
    await store.load()
    found = await kids(urls["owner"])
    published = await store.published()
    assert len(published) == 16
    assert len(found["retired"]) == 29
    current = [key for key in store.held() if key.state == "current"]
    assert current[0].public_jwk in published


async def test_what_another_replica_did_is_published_within_a_second(
    database: Database, urls: dict[str, str]
) -> None:
    store, other = await loaded(database), await loaded(database)
    await passes(urls["owner"], PUBLISHED)
    await other.rotate()
    await asyncio.sleep(1)
    assert await names(store) == await names(other)
    assert await store.sign(ACCESS, {}) == await other.sign(ACCESS, {})


async def test_the_key_set_costs_one_query_a_second(database: Database, clock: Clock) -> None:
    store = await loaded(database)
    clock.seconds += 1
    async with reads(database) as seen:
        await asyncio.gather(*(store.published() for _ in range(50)))
        assert len(seen) == 1
        await asyncio.gather(*(store.published() for _ in range(50)))
        assert len(seen) == 1
        clock.seconds += 0.999
        await store.published()
        assert len(seen) == 1
        clock.seconds += 0.001
        await store.published()
        assert len(seen) == 2


async def test_a_key_that_is_not_known_is_looked_for_once_a_second(
    database: Database, urls: dict[str, str], clock: Clock
) -> None:
    store, other = await loaded(database), await loaded(database)
    for _ in range(2):
        await passes(urls["owner"], PUBLISHED)
        await other.rotate()
    fresh = await other.sign(ACCESS, {"a": 1})
    foreign = foreign_token()
    clock.seconds += 1
    async with reads(database) as seen:
        tokens = [fresh] * 5 + [foreign] * 200
        answers = await asyncio.gather(
            *(store.verify(token, ACCESS) for token in tokens), return_exceptions=True
        )
        assert answers[:5] == [{"a": 1}] * 5
        assert {type(answer).__mro__[1] for answer in answers[5:]} == {InvalidToken}
        with pytest.raises(InvalidToken):
            await store.verify(foreign, ACCESS)
        with pytest.raises(InvalidToken):
            await store.verify("not a token", ACCESS)
    assert len(seen) == 1


def foreign_token() -> str:
    """Of the right form, signed by a key that nobody keeps."""
    private = rules.generate()
    kid = rules.public_jwk(private.public_key())["kid"]
    return tokens.sign(SigningKey(kid, "RS256", private), ACCESS, {})


async def test_the_event_loop_does_not_sign(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    encode = jwt.PyJWS.encode

    def noted(self: jwt.PyJWS, *values: Any, **options: Any) -> str:  # noqa: ANN401 - as PyJWT has it
        threads.append(threading.current_thread())
        return encode(self, *values, **options)

    store = await loaded(database)
    monkeypatch.setattr(jwt.PyJWS, "encode", noted)
    await asyncio.gather(*(store.sign(ACCESS, {"n": n}) for n in range(3)))
    await store.close()
    assert len(threads) == 3
    assert threading.current_thread() not in threads


async def test_without_keys_nothing_is_signed_or_told(database: Database) -> None:
    store = KeyStore(database, SECRET)
    with pytest.raises(KeysUnavailable):
        await store.sign("x", {})
    with pytest.raises(KeysUnavailable):
        await store.verify("x", "x")
    with pytest.raises(KeysUnavailable):
        await store.published()
    assert store.held() == ()
