"""The authenticator's memory of verified tokens."""

import time
from collections.abc import AsyncIterator

import pytest

from expenses_service.authentication.errors import InvalidToken, SessionRevoked, TokenExpired
from expenses_service.authentication.service import Authenticator
from expenses_service.keys.errors import KeysUnavailable
from expenses_service.keys.repository import HttpKeySource
from expenses_service.keys.service import REFETCH_COOLDOWN_SECONDS, KeyRing
from tests.jwks_server import JwksServer
from tests.tokens import ISSUER, SigningKey, access_claims, key_set, user_id

KEY = SigningKey.generate()
NEXT = SigningKey.generate()


class World:
    """An authenticator on clocks that stand still unless told, and the server of its keys."""

    def __init__(self, server: JwksServer) -> None:
        self.server = server
        self.now = time.time()
        self.revoked = False
        self.ring = KeyRing(HttpKeySource(server.url), lambda: self.now)
        self.authenticator = Authenticator(
            self.ring, ISSUER, lambda _: self.revoked, lambda: self.now
        )


@pytest.fixture
async def world() -> AsyncIterator[World]:
    with JwksServer(key_set(KEY)) as server:
        made = World(server)
        await made.ring.start()
        yield made
        await made.ring.close()


async def test_a_token_is_verified_once(world: World) -> None:
    text = KEY.token(access_claims())
    first = await world.authenticator.authenticate(text)
    assert first.user_id == user_id()
    assert await world.authenticator.authenticate(text) is first


async def test_expiry_is_asked_again_on_each_hit(world: World) -> None:
    text = KEY.token(access_claims())
    await world.authenticator.authenticate(text)
    world.now += 331
    for _ in range(2):
        with pytest.raises(TokenExpired):
            await world.authenticator.authenticate(text)


async def test_revocation_is_asked_again_on_each_hit(world: World) -> None:
    text = KEY.token(access_claims())
    await world.authenticator.authenticate(text)
    world.revoked = True
    for _ in range(2):
        with pytest.raises(SessionRevoked):
            await world.authenticator.authenticate(text)
    world.now += 331
    with pytest.raises(TokenExpired):
        await world.authenticator.authenticate(text)


async def test_a_key_that_was_withdrawn_ends_its_remembered_tokens(world: World) -> None:
    text = KEY.token(access_claims())
    await world.authenticator.authenticate(text)
    world.server.body = key_set(NEXT)
    world.now += REFETCH_COOLDOWN_SECONDS
    await world.authenticator.authenticate(NEXT.token(access_claims()))
    with pytest.raises(InvalidToken):
        await world.authenticator.authenticate(text)


async def test_known_keys_serve_while_auth_is_down(world: World) -> None:
    await world.authenticator.authenticate(KEY.token(access_claims()))
    world.server.status = 500
    world.now += REFETCH_COOLDOWN_SECONDS
    assert await world.authenticator.authenticate(KEY.token(access_claims(user_id(2))))
    with pytest.raises(KeysUnavailable):
        await world.authenticator.authenticate(NEXT.token(access_claims()))


@pytest.mark.parametrize("text", ["." * 2**20, "x.y.z", KEY.token({}, {"kid": "../x"})])
async def test_bad_form_causes_no_fetch(world: World, text: str) -> None:
    await world.authenticator.authenticate(KEY.token(access_claims()))
    world.now += REFETCH_COOLDOWN_SECONDS
    with pytest.raises(InvalidToken):
        await world.authenticator.authenticate(text)
    assert len(world.server.paths) == 1


async def test_memory_is_bounded_and_forgets_the_longest_unused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("expenses_service.authentication.service.MAX_REMEMBERED", 2)
    texts = [KEY.token(access_claims(user_id(number))) for number in range(3)]
    first = await world.authenticator.authenticate(texts[0])
    second = await world.authenticator.authenticate(texts[1])
    assert await world.authenticator.authenticate(texts[0]) is first
    await world.authenticator.authenticate(texts[2])
    assert await world.authenticator.authenticate(texts[0]) is first
    assert await world.authenticator.authenticate(texts[1]) is not second
