"""The reader of the revocation list, against a real server that misbehaves in many ways."""

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from expenses_service.authentication.models import Principal
from expenses_service.keys.repository import HttpKeySource
from expenses_service.keys.service import KeyRing
from expenses_service.revocations.rules import MAX_DOCUMENT_BYTES
from expenses_service.revocations.service import RevocationReader, open_reader
from expenses_service.settings import Settings
from tests.conftest import client_of, running
from tests.jwks_server import JwksServer
from tests.tokens import (
    ISSUER,
    SigningKey,
    access_claims,
    encode,
    key_set,
    revocation_list,
    user_id,
)
from tests.waiting import until

KEY = SigningKey.generate()
STRANGE = SigningKey.generate()
SESSION = UUID("01900000-0000-7000-8000-00000000aaaa")
PRINCIPAL = Principal(user_id(), SESSION, frozenset(), "web", "UTC", 3, 0)
LISTED = {"sids": [str(SESSION)]}


@asynccontextmanager
async def reading(server: JwksServer) -> AsyncIterator[RevocationReader]:
    """A reader that polls every 10 ms, its keys from a server of their own."""
    with JwksServer(key_set(KEY)) as keys:
        ring = KeyRing(HttpKeySource(keys.url))
        await ring.start()
        await until(ring.ready)
        reader = open_reader(server.url, ring, ISSUER, poll_seconds=0.01)
        await reader.start()
        try:
            yield reader
        finally:
            await reader.close()
            await ring.close()


def polled(reader: RevocationReader, outcome: str) -> Callable[[], bool]:
    """Two more polls ended so: the second began after whatever was changed before."""
    before = reader.polls[outcome]
    return lambda: reader.polls[outcome] >= before + 2


async def test_a_listed_session_is_revoked_and_no_other() -> None:
    with JwksServer(revocation_list(KEY, **LISTED)) as server:
        async with reading(server) as reader:
            assert not reader.is_revoked(PRINCIPAL)
            await until(lambda: reader.list is not None)
            assert reader.is_revoked(PRINCIPAL)
            assert not reader.is_revoked(replace(PRINCIPAL, session_id=uuid4()))


@pytest.mark.parametrize(("least", "dead"), [(2, False), (3, False), (4, True), (2**31 - 1, True)])
async def test_a_version_below_the_least_is_revoked(least: int, dead: bool) -> None:  # noqa: FBT001
    with JwksServer(revocation_list(KEY, min_ver={str(user_id()): least})) as server:
        async with reading(server) as reader:
            await until(lambda: reader.list is not None)
            assert reader.is_revoked(PRINCIPAL) is dead
            assert not reader.is_revoked(replace(PRINCIPAL, user_id=user_id(2)))


async def test_a_newer_list_takes_the_place_of_the_last() -> None:
    with JwksServer(revocation_list(KEY, **LISTED)) as server:
        async with reading(server) as reader:
            await until(lambda: reader.is_revoked(PRINCIPAL))
            server.body = revocation_list(KEY, iat=int(time.time()) + 1)
            await until(lambda: not reader.is_revoked(PRINCIPAL))


async def test_asks_with_the_tag_it_was_given_and_304_confirms() -> None:
    with JwksServer(revocation_list(KEY, **LISTED)) as server:
        server.headers["ETag"] = '"one"'
        async with reading(server) as reader:
            await until(lambda: reader.list is not None)
            server.status, server.body = 304, b""
            await until(polled(reader, "same"))
            assert reader.is_revoked(PRINCIPAL)
            assert server.conditions[0] is None
            assert server.conditions[-1] == '"one"'
            assert reader.age() < 5


def _raw(header: dict[str, object], payload: str) -> bytes:
    return KEY.sign(json.dumps(header).encode(), payload.encode()).encode()


HEADER: dict[str, object] = {"alg": "RS256", "typ": "rev+jwt", "kid": KEY.kid}
GOOD = '"iss":"expense-auth","iat":4102444800,"sids":[],"min_ver":{}'
REFUSED = {
    "older": revocation_list(KEY, iat=int(time.time()) - 60),
    "future": revocation_list(KEY, iat=int(time.time()) + 3600),
    "an access token": KEY.token(access_claims()).encode(),
    "typ at+jwt": KEY.token({"iss": ISSUER, "iat": 1, "sids": [], "min_ver": {}}).encode(),
    "more header": _raw(HEADER | {"jku": "http://127.0.0.1/"}, "{" + GOOD + "}"),
    "alg none": f"{encode(json.dumps(HEADER | {'alg': 'none'}).encode())}.e30.e30".encode(),
    "another key": revocation_list(STRANGE, **LISTED),
    "another signature": revocation_list(KEY)[:-8] + b"AAAAAAAA",
    "another issuer": revocation_list(KEY, iss="expense-auth2"),
    "no issuer": revocation_list(KEY, iss=None),
    "no sids": revocation_list(KEY, sids=None),
    "no min_ver": revocation_list(KEY, min_ver=None),
    "iat text": revocation_list(KEY, iat="1"),
    "iat bool": revocation_list(KEY, iat=True),
    "iat fraction": revocation_list(KEY, iat=time.time()),
    "sids text": revocation_list(KEY, sids=str(SESSION)),
    "sids no ids": revocation_list(KEY, sids=["x"]),
    "sids numbers": revocation_list(KEY, sids=[1]),
    "min_ver list": revocation_list(KEY, min_ver=[1]),
    "min_ver text": revocation_list(KEY, min_ver={str(user_id()): "2"}),
    "min_ver zero": revocation_list(KEY, min_ver={str(user_id()): 0}),
    "min_ver no id": revocation_list(KEY, min_ver={"x": 2}),
    "twice": _raw(HEADER, "{" + GOOD + ',"sids":[]}'),
    "NaN": _raw(HEADER, "{" + GOOD.replace("4102444800", "NaN") + "}"),
    "a list": _raw(HEADER, "[]"),
    "html": b"<html><body>Not what you asked for</body></html>",
    "empty": b"",
    "bytes": bytes(range(256)),
}


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_no_newer_list_changes_nothing(document: bytes) -> None:
    with JwksServer(revocation_list(KEY, **LISTED)) as server:
        async with reading(server) as reader:
            await until(lambda: reader.list is not None)
            held = reader.list
            server.body = document
            await until(polled(reader, "refused"))
            assert reader.list is held
            assert reader.is_revoked(PRINCIPAL)


@pytest.mark.parametrize("status", [204, 301, 302, 304, 404, 500, 503])
async def test_another_status_changes_nothing(status: int) -> None:
    """Also a 304 to a question without a tag, and a redirect to a good list."""
    with JwksServer(revocation_list(KEY, **LISTED)) as server:
        async with reading(server) as reader:
            await until(lambda: reader.list is not None)
            server.headers["Location"] = server.url
            server.status, server.body = status, revocation_list(KEY) if status < 304 else b""
            await until(polled(reader, "unreachable"))
            assert reader.is_revoked(PRINCIPAL)


async def test_a_list_may_be_as_large_as_the_limit_and_no_larger() -> None:
    small = revocation_list(KEY, **LISTED)
    with JwksServer(small) as server:
        async with reading(server) as reader:
            await until(lambda: reader.list is not None)
            server.body = b"A" * (MAX_DOCUMENT_BYTES + 1)
            await until(polled(reader, "unreachable"))
            many = [str(UUID(int=SESSION.int + number)) for number in range(20_000)]
            server.body = revocation_list(KEY, sids=many)
            await until(lambda: reader.list is not None and len(reader.list.sessions) == len(many))


async def test_without_auth_the_last_list_holds_and_its_age_grows() -> None:
    with JwksServer(revocation_list(KEY, **LISTED)) as server:
        async with reading(server) as reader:
            await until(lambda: reader.list is not None)
            server.delay.clear()
            await until(lambda: reader.polls["unreachable"] >= 1)
            assert reader.is_revoked(PRINCIPAL)
            assert reader.age() > 0.5
            server.delay.set()
            server.body = revocation_list(KEY, iat=int(time.time()) + 2)
            await until(lambda: not reader.is_revoked(PRINCIPAL))
            assert reader.age() < 0.5


async def test_a_list_signed_with_the_next_key_is_read() -> None:
    with JwksServer(revocation_list(STRANGE, **LISTED)) as server, JwksServer(key_set(KEY)) as keys:
        now = time.monotonic()
        ring = KeyRing(HttpKeySource(keys.url), lambda: now)
        await ring.start()
        await until(ring.ready)
        keys.body = key_set(KEY, STRANGE)
        reader = open_reader(server.url, ring, ISSUER, poll_seconds=0.01)
        await reader.start()
        await until(lambda: reader.polls["refused"] >= 1)
        now += 60.0  # the ring asks for an unknown key at most every ten seconds
        await until(lambda: reader.is_revoked(PRINCIPAL))
        await reader.close()
        await ring.close()


@asynccontextmanager
async def serving(settings: Settings, url: str | None) -> AsyncIterator[FastAPI]:
    """The whole service, reading the list at `url`."""
    own = settings.model_copy(update={"revocations_url": url, "revocations_poll_seconds": 0.01})
    async with running(own) as app:
        yield app


async def test_a_revoked_token_is_refused_by_the_service(
    settings: Settings, signing_key: SigningKey
) -> None:
    token = signing_key.token(access_claims(sid=str(SESSION)))
    with JwksServer(revocation_list(signing_key)) as server:
        async with serving(settings, server.url) as app, client_of(app, token) as client:
            assert (await client.get("/api/v1/expenses")).status_code == 200
            server.body = revocation_list(signing_key, **LISTED)
            await until(lambda: bool(app.state.resources.revocations.list.sessions))
            answer = await client.get("/api/v1/expenses")
            assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")
            assert answer.headers["www-authenticate"] == "Bearer"
            fresh = client_of(app, signing_key.token(access_claims()))
            async with fresh:
                assert (await fresh.get("/api/v1/expenses")).status_code == 200


@pytest.mark.parametrize("polled", [True, False])
async def test_serves_without_a_list_and_says_so(
    settings: Settings,
    signing_key: SigningKey,
    polled: bool,  # noqa: FBT001
) -> None:
    token = signing_key.token(access_claims())
    with JwksServer(b"", status=503) as server:
        url = server.url if polled else None
        async with serving(settings, url) as app, client_of(app, token) as client:
            assert (await client.get("/api/v1/expenses")).status_code == 200
            assert (await client.get("/readyz")).status_code == 200
            metrics = (await client.get("/metrics")).text
    assert "revocation_list_held 0.0" in metrics
    assert "revocation_list_age_seconds" in metrics
    assert bool(server.paths) is polled
