"""Signing keys in Postgres: replicas agree, and another secret does not open them."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from auth_service.database import Database
from auth_service.keys.errors import KeyEncryptionKeyWrong, KeysUnavailable
from auth_service.keys.service import KeyStore

SECRET = b"k" * 32


@pytest.fixture
async def no_keys(urls: dict[str, str]) -> AsyncIterator[None]:
    """Without any key, and after the test without those that it made."""
    connection = await asyncpg.connect(urls["owner"])
    await connection.execute("TRUNCATE signing_keys")
    yield
    await connection.execute("TRUNCATE signing_keys")
    await connection.close()


@pytest.mark.usefixtures("no_keys")
async def test_replicas_that_start_at_once_agree_on_one_key(database: Database) -> None:
    stores = [KeyStore(database, SECRET) for _ in range(3)]
    await asyncio.gather(*(store.load() for store in stores))
    assert len({store.published()[0]["kid"] for store in stores}) == 1
    assert {len(store.published()) for store in stores} == {1}
    token = stores[0].sign("at+jwt", {"a": 1})
    assert stores[1].verify(token, "at+jwt") == {"a": 1}
    assert stores[2].sign("at+jwt", {"a": 1}) == token


@pytest.mark.usefixtures("no_keys")
async def test_another_secret_does_not_open_the_keys(database: Database) -> None:
    await KeyStore(database, SECRET).load()
    store = KeyStore(database, b"l" * 32)
    with pytest.raises(KeyEncryptionKeyWrong):
        await store.load()
    await store.start()
    await asyncio.sleep(0.2)
    with pytest.raises(KeysUnavailable):
        await store.ready()
    await store.close()


@pytest.mark.usefixtures("no_keys")
async def test_the_private_part_is_not_in_clear(database: Database, urls: dict[str, str]) -> None:
    await KeyStore(database, SECRET).load()
    connection = await asyncpg.connect(urls["app"])
    row = await connection.fetchrow("SELECT * FROM signing_keys")
    await connection.close()
    assert row is not None
    assert row["state"] == "current"
    assert b"\x30\x82" not in row["private_enc"][:16]
    assert "d" not in row["public_jwk"][:3]


async def test_without_keys_nothing_is_signed_or_told(database: Database) -> None:
    store = KeyStore(database, SECRET)
    for call in (store.published, lambda: store.sign("x", {}), lambda: store.verify("x", "x")):
        with pytest.raises(KeysUnavailable):
            call()
