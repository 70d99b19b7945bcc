"""Signing keys under the key encryption key: another secret does not open them."""

import asyncio

import pytest

from auth_service.database import Database
from auth_service.keys import repository, rules
from auth_service.keys.errors import KeyEncryptionKeyWrong, KeysUnavailable
from auth_service.keys.service import KeyStore
from tests import postgres
from tests.keys import DAY, loaded, passes, rows

ACCESS, PUBLISHED = "at+jwt", 15

pytestmark = pytest.mark.usefixtures("no_keys")


async def is_found_out(store: KeyStore) -> None:
    """As soon as the store has read the keys, it is not ready for that reason."""
    async with asyncio.timeout(20):
        while True:
            try:
                await store.ready()
            except KeysUnavailable as error:
                if error.cause == "signing keys: KeyEncryptionKeyWrong":
                    return
            await asyncio.sleep(0.01)


async def test_another_secret_does_not_open_the_keys(
    database: Database, urls: dict[str, str]
) -> None:
    await loaded(database)
    await postgres.execute(urls["owner"], "DELETE FROM signing_keys WHERE state = 'next'")
    await passes(urls["owner"], 99 * DAY)
    store = KeyStore(database, b"l" * 32)
    with pytest.raises(KeyEncryptionKeyWrong):
        await store.load()
    await store.start()
    await is_found_out(store)
    await store.close()
    assert len(await rows(urls["owner"])) == 1


async def test_a_successor_under_another_secret_is_told_before_it_signs(
    database: Database, urls: dict[str, str]
) -> None:
    store = await loaded(database)
    await postgres.execute(urls["owner"], "DELETE FROM signing_keys WHERE state = 'next'")
    async with database.transaction() as connection:
        now = (await repository.read_keys(connection)).now
        await repository.insert_key(connection, rules.make(b"l" * 32), "next", now)
    await store.start()
    await is_found_out(store)
    assert await store.verify(await store.sign(ACCESS, {"a": 1}), ACCESS) == {"a": 1}
    await store.close()


async def test_the_private_part_is_not_in_clear_and_goes_when_it_is_over(
    database: Database, urls: dict[str, str]
) -> None:
    store = await loaded(database)
    for row in await rows(urls["owner"]):
        assert len(row["private_enc"]) > 1500
        assert b"\x30\x82" not in row["private_enc"][:16]
        assert '"d"' not in row["public_jwk"]
    await passes(urls["owner"], PUBLISHED)
    await store.rotate()
    sizes = {row["state"]: len(row["private_enc"]) for row in await rows(urls["owner"])}
    assert sizes["retired"] == 0
    assert min(sizes["current"], sizes["next"]) > 1500
