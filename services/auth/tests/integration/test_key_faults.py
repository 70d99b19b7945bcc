"""Postgres gone or hung under the signing keys: what is in memory goes on."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial

import asyncpg
import pytest

from auth_service.database import Database
from auth_service.errors import Unavailable
from auth_service.keys import rules, tokens
from auth_service.keys.errors import InvalidToken, KeysUnavailable
from auth_service.keys.models import SigningKey
from auth_service.keys.repository import LOCK
from auth_service.keys.service import KeyStore
from tests import postgres
from tests.keys import passes
from tests.waiting import in_time

SECRET = b"k" * 32
ACCESS = "at+jwt"


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Postgres]:
    server = postgres.Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def own_urls(server: postgres.Postgres) -> dict[str, str]:
    return postgres.make_database(server.url)


@pytest.fixture
async def own_database(own_urls: dict[str, str]) -> AsyncIterator[Database]:
    database = Database(postgres.without_password(own_urls["app"]), postgres.PASSWORD)
    yield database
    await database.close()


@pytest.fixture
async def store(own_database: Database) -> AsyncIterator[KeyStore]:
    store = KeyStore(own_database, SECRET)
    await store.load()
    yield store
    await store.close()


def foreign_token() -> str:
    private = rules.generate()
    kid = rules.public_jwk(private.public_key())["kid"]
    return tokens.sign(SigningKey(kid, "RS256", private), ACCESS, {})


async def is_unknown(store: KeyStore, foreign: str) -> None:
    """As soon as Postgres has said so, which it may not do within a second."""
    async with asyncio.timeout(20):
        while True:
            try:
                with pytest.raises(InvalidToken):
                    await store.verify(foreign, ACCESS)
            except KeysUnavailable:
                continue
            return


async def goes_on(store: KeyStore, foreign: str) -> float:
    """Signing, verifying and publishing; whether a key is unknown cannot be told."""
    assert await store.verify(await store.sign(ACCESS, {"a": 1}), ACCESS) == {"a": 1}
    began = time.monotonic()
    assert len(await store.published()) == 2
    with pytest.raises(KeysUnavailable):
        await store.verify(foreign, ACCESS)
    with pytest.raises(InvalidToken):
        await store.verify("not a token", ACCESS)
    seconds = time.monotonic() - began
    await store.ready()
    return seconds


async def test_without_postgres_memory_serves(store: KeyStore, server: postgres.Postgres) -> None:
    foreign = foreign_token()
    await is_unknown(store, foreign)

    async def a_second_later() -> float:
        await asyncio.sleep(1)
        return await goes_on(store, foreign)

    server.stop()
    try:
        await in_time(a_second_later, 2.5)
        with pytest.raises(Unavailable):
            await store.rotate()
        await in_time(partial(goes_on, store, foreign), 2.5)
    finally:
        server.start()
    await asyncio.sleep(1)
    await is_unknown(store, foreign)


async def test_a_postgres_that_hangs_costs_a_second(
    store: KeyStore, server: postgres.Postgres
) -> None:
    foreign = foreign_token()

    async def hangs() -> float:
        await is_unknown(store, foreign)
        await asyncio.sleep(1)
        server.signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            sets = await asyncio.gather(*(store.published() for _ in range(20)))
            assert {len(keys) for keys in sets} == {2}
            with pytest.raises(KeysUnavailable):
                await store.verify(foreign, ACCESS)
            seconds = time.monotonic() - began
            assert seconds > 1
            assert await store.verify(await store.sign(ACCESS, {"a": 1}), ACCESS) == {"a": 1}
        finally:
            server.signal(signal.SIGCONT)
        return seconds

    await in_time(hangs, 3)


async def test_a_lock_that_another_holds_delays_a_rotation_and_no_more(
    store: KeyStore, own_urls: dict[str, str]
) -> None:
    await passes(own_urls["owner"], 60)
    other = await asyncpg.connect(own_urls["owner"])
    async with other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        with pytest.raises(Unavailable):
            await store.rotate()
        assert await store.verify(await store.sign(ACCESS, {"a": 1}), ACCESS) == {"a": 1}
        assert len(await store.published()) == 2
    await other.close()
    assert (await store.rotate()).old_kid
