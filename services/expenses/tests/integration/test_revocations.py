"""The reader of the revocation list, against a real server that misbehaves in many ways."""

import asyncio
import gzip
import json
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from expenses_service.authentication.models import Principal
from expenses_service.keys.repository import HttpKeySource
from expenses_service.keys.service import KeyRing
from expenses_service.revocations.errors import ListNotTaken, Reason
from expenses_service.revocations.models import Answer
from expenses_service.revocations.repository import RevocationSource
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
async def reading(
    server: JwksServer, poll_seconds: float = 0.01
) -> AsyncIterator[RevocationReader]:
    """A reader that polls every 10 ms, its keys from a server of their own."""
    with JwksServer(key_set(KEY)) as keys:
        ring = KeyRing(HttpKeySource(keys.url))
        await ring.start()
        await until(ring.ready)
        reader = open_reader(server.url, ring, ISSUER, poll_seconds=poll_seconds)
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
            held = reader.list
            await until(polled(reader, "same"))
            assert reader.list is held
            assert reader.is_revoked(PRINCIPAL)
            assert server.conditions[0] is None
            assert server.conditions[-1] == '"one"'
            assert reader.polls["new"] == 1
            assert reader.age() < 5


async def test_the_tag_of_a_list_that_was_refused_is_not_used() -> None:
    with JwksServer(revocation_list(KEY, **LISTED)) as server:
        server.headers["ETag"] = '"one"'
        async with reading(server) as reader:
            await until(lambda: reader.list is not None)
            server.body = revocation_list(STRANGE)
            server.headers["ETag"] = '"two"'
            await until(polled(reader, "unknown_key"))
            assert set(server.conditions[1:]) == {'"one"'}
            assert reader.is_revoked(PRINCIPAL)


@pytest.mark.parametrize("tag", ["one", '"a\x80b"', '"ä"', '"a b"', f'"{"x" * 257}"'])
async def test_a_tag_that_is_none_is_not_sent_back(tag: str) -> None:
    with JwksServer(revocation_list(KEY, **LISTED)) as server:
        server.headers["ETag"] = tag
        async with reading(server) as reader:
            await until(polled(reader, "new"))
            assert set(server.conditions) == {None}


async def test_all_polls_share_one_connection() -> None:
    with JwksServer(revocation_list(KEY)) as server:
        async with reading(server) as reader:
            await until(lambda: reader.polls["new"] >= 5)
            assert server.connections == 1


async def test_a_slow_answer_does_not_put_off_the_next_poll() -> None:
    """Or a revocation just missed by a slow poll would arrive 0.9 + 2 + 0.9 s later."""
    document = revocation_list(KEY)
    with JwksServer(document) as server:
        server.drip = 0.2 / len(document)
        async with reading(server, poll_seconds=0.3) as reader:
            await until(lambda: reader.polls["new"] >= 6)
    pauses = [begun - ended for ended, begun in zip(server.ends, server.times[1:], strict=False)]
    assert statistics.median(pauses) < 0.3 * 0.75
    gaps = [after - before for before, after in pairwise(server.times)]
    assert statistics.median(gaps) > 0.25


def _raw(header: dict[str, object], payload: str) -> bytes:
    return KEY.sign(json.dumps(header).encode(), payload.encode()).encode()


HEADER: dict[str, object] = {"alg": "RS256", "typ": "rev+jwt", "kid": KEY.kid}
GOOD = '"iss":"expense-auth","iat":4102444800,"sids":[],"min_ver":{}'
REFUSED = {
    "older": (Reason.OLDER, revocation_list(KEY, iat=int(time.time()) - 60)),
    "future": (Reason.FUTURE, revocation_list(KEY, iat=int(time.time()) + 3600)),
    "an access token": (Reason.MALFORMED, KEY.token(access_claims()).encode()),
    "typ at+jwt": (
        Reason.MALFORMED,
        KEY.token({"iss": ISSUER, "iat": 1, "sids": [], "min_ver": {}}).encode(),
    ),
    "more header": (
        Reason.MALFORMED,
        _raw(HEADER | {"jku": "http://127.0.0.1/"}, "{" + GOOD + "}"),
    ),
    "alg none": (
        Reason.SIGNATURE,
        f"{encode(json.dumps(HEADER | {'alg': 'none'}).encode())}.e30.e30".encode(),
    ),
    "another key": (Reason.UNKNOWN_KEY, revocation_list(STRANGE, **LISTED)),
    "alg RS512": (Reason.SIGNATURE, _raw(HEADER | {"alg": "RS512"}, "{" + GOOD + "}")),
    "alg a list": (Reason.MALFORMED, _raw(HEADER | {"alg": ["RS256"]}, "{" + GOOD + "}")),
    "typ in capitals": (Reason.MALFORMED, _raw(HEADER | {"typ": "REV+JWT"}, "{" + GOOD + "}")),
    "another signature": (Reason.SIGNATURE, revocation_list(KEY)[:-8] + b"AAAAAAAA"),
    "another issuer": (Reason.ISSUER, revocation_list(KEY, iss="expense-auth2")),
    "no issuer": (Reason.MALFORMED, revocation_list(KEY, iss=None)),
    "no sids": (Reason.MALFORMED, revocation_list(KEY, sids=None)),
    "no min_ver": (Reason.MALFORMED, revocation_list(KEY, min_ver=None)),
    "iat text": (Reason.MALFORMED, revocation_list(KEY, iat="1")),
    "iat bool": (Reason.MALFORMED, revocation_list(KEY, iat=True)),
    "iat fraction": (Reason.MALFORMED, revocation_list(KEY, iat=time.time())),
    "sids text": (Reason.MALFORMED, revocation_list(KEY, sids=str(SESSION))),
    "sids no ids": (Reason.MALFORMED, revocation_list(KEY, sids=["x"])),
    "sids in capitals": (Reason.MALFORMED, revocation_list(KEY, sids=[str(SESSION).upper()])),
    "sids in braces": (Reason.MALFORMED, revocation_list(KEY, sids=["{" + str(SESSION)[2:] + "}"])),
    "sids numbers": (Reason.MALFORMED, revocation_list(KEY, sids=[1])),
    "min_ver list": (Reason.MALFORMED, revocation_list(KEY, min_ver=[1])),
    "min_ver text": (Reason.MALFORMED, revocation_list(KEY, min_ver={str(user_id()): "2"})),
    "min_ver zero": (Reason.MALFORMED, revocation_list(KEY, min_ver={str(user_id()): 0})),
    "min_ver bool": (Reason.MALFORMED, revocation_list(KEY, min_ver={str(user_id()): True})),
    "min_ver huge": (Reason.MALFORMED, revocation_list(KEY, min_ver={str(user_id()): 2**31})),
    "min_ver no id": (Reason.MALFORMED, revocation_list(KEY, min_ver={"x": 2})),
    "twice": (Reason.MALFORMED, _raw(HEADER, "{" + GOOD + ',"sids":[]}')),
    "NaN": (Reason.MALFORMED, _raw(HEADER, "{" + GOOD.replace("4102444800", "NaN") + "}")),
    "header twice": (
        Reason.MALFORMED,
        KEY.sign(json.dumps(HEADER)[:-1].encode() + b',"typ":"rev+jwt"}', b"{}").encode(),
    ),
    "iat 1e400": (Reason.MALFORMED, _raw(HEADER, "{" + GOOD.replace("4102444800", "1e400") + "}")),
    "two lists": (Reason.MALFORMED, revocation_list(KEY) + b"." + revocation_list(KEY)),
    "gzip": (Reason.MALFORMED, gzip.compress(revocation_list(KEY))),
    "a line break after": (Reason.MALFORMED, revocation_list(KEY) + b"\n"),
    "a list": (Reason.MALFORMED, _raw(HEADER, "[]")),
    "html": (Reason.MALFORMED, b"<html><body>Not what you asked for</body></html>"),
    "empty": (Reason.MALFORMED, b""),
    "bytes": (Reason.MALFORMED, bytes(range(256))),
}


@pytest.mark.parametrize(("reason", "document"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_newer_list_changes_nothing(reason: Reason, document: bytes) -> None:
    with JwksServer(revocation_list(KEY, **LISTED)) as server:
        async with reading(server) as reader:
            await until(lambda: reader.list is not None)
            held = reader.list
            server.body = document
            await until(polled(reader, reason))
            assert reader.list == held  # a poll that was under way may have brought it again
            assert reader.is_revoked(PRINCIPAL)


@pytest.mark.parametrize("status", [204, 206, 301, 302, 304, 307, 401, 404, 500, 503])
async def test_another_status_changes_nothing(status: int) -> None:
    """Also a 304 to a question without a tag, and a redirect to a good list."""
    with (
        JwksServer(revocation_list(KEY, iat=int(time.time()) + 1)) as elsewhere,
        JwksServer(revocation_list(KEY, **LISTED)) as server,
    ):
        async with reading(server) as reader:
            await until(lambda: reader.list is not None)
            server.headers["Location"] = elsewhere.url
            body = b"" if status in {204, 304} else revocation_list(KEY)
            server.status, server.body = status, body
            await until(polled(reader, "status"))
            assert reader.is_revoked(PRINCIPAL)
            assert elsewhere.paths == []


async def test_a_list_may_be_as_large_as_the_limit_and_no_larger() -> None:
    with JwksServer(b"A" * MAX_DOCUMENT_BYTES) as server:
        source = RevocationSource(server.url)
        assert await source.load(None) == Answer(server.body, None)
        server.body += b"A"
        with pytest.raises(ListNotTaken) as refused:
            await source.load(None)
        assert refused.value.reason == Reason.TOO_LARGE
        await source.close()


async def test_tens_of_thousands_of_sessions_fit_and_ten_megabytes_do_not() -> None:
    many = [str(UUID(int=SESSION.int + number)) for number in range(50_000)]
    with JwksServer(revocation_list(KEY, **LISTED)) as server:
        async with reading(server) as reader:
            await until(lambda: reader.list is not None)
            server.body = revocation_list(KEY)[:-1] + b"A" * 10 * 2**20
            await until(polled(reader, "too_large"))
            assert reader.is_revoked(PRINCIPAL)
            server.body = revocation_list(KEY, sids=many)
            await until(lambda: reader.list is not None and len(reader.list.sessions) == len(many))
            assert reader.is_revoked(replace(PRINCIPAL, session_id=UUID(many[-1])))


@pytest.mark.parametrize("drip", [0.0, 0.01], ids=["hangs", "drips"])
async def test_an_answer_that_takes_too_long_is_given_up(drip: float) -> None:
    with JwksServer(revocation_list(KEY, **LISTED)) as server:
        async with reading(server) as reader:
            await until(lambda: reader.list is not None)
            server.drip = drip
            if not drip:
                server.delay.clear()
            began = time.monotonic()
            await until(polled(reader, "timeout"))
            assert time.monotonic() - began < 4
            assert reader.is_revoked(PRINCIPAL)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://[", "ftp://127.0.0.1/"])
async def test_an_address_where_nobody_is(url: str) -> None:
    source = RevocationSource(url)
    with pytest.raises(ListNotTaken) as refused:
        await source.load(None)
    assert refused.value.reason == Reason.UNREACHABLE
    await source.close()


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with JwksServer(revocation_list(KEY)) as proxy, JwksServer(revocation_list(KEY)) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        async with reading(server) as reader:
            await until(polled(reader, "new"))
        assert proxy.paths == []


async def test_it_stops_at_once_while_auth_hangs() -> None:
    with JwksServer(revocation_list(KEY)) as server:
        async with reading(server):
            server.delay.clear()
            await until(lambda: len(server.paths) >= 2)
            began = time.monotonic()
        assert time.monotonic() - began < 0.5
        asked = len(server.paths)
        await asyncio.sleep(0.1)
        assert len(server.paths) == asked


async def test_a_fault_that_nobody_foresaw_does_not_end_the_polling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise LookupError

    with JwksServer(revocation_list(KEY, **LISTED)) as server:
        async with reading(server) as reader:
            with monkeypatch.context() as patch:
                patch.setattr("expenses_service.revocations.service.read_list", broken)
                await until(polled(reader, "unexpected"))
            await until(polled(reader, "new"))
            assert reader.is_revoked(PRINCIPAL)


async def test_without_auth_the_last_list_holds_and_its_age_grows() -> None:
    with JwksServer(revocation_list(KEY, **LISTED)) as server:
        async with reading(server) as reader:
            await until(lambda: reader.list is not None)
            server.delay.clear()
            await until(lambda: reader.polls["timeout"] >= 1)
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
        await until(lambda: reader.polls["unknown_key"] >= 1)
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


def figure(metrics: str, name: str) -> float:
    """The value of a metric without labels."""
    return next(float(line.split(" ")[1]) for line in metrics.splitlines() if line.startswith(name))


async def test_metrics_tell_age_size_and_how_polls_ended(
    settings: Settings, signing_key: SigningKey
) -> None:
    document = revocation_list(signing_key, min_ver={str(user_id()): 2}, **LISTED)
    with JwksServer(document) as server:
        server.headers["ETag"] = '"one"'
        async with serving(settings, server.url) as app, client_of(app) as client:
            await until(lambda: app.state.resources.revocations.polls["same"] >= 1)
            server.body = b"no list"
            server.headers["ETag"] = '"two"'
            await until(lambda: app.state.resources.revocations.polls["malformed"] >= 20)
            metrics = (await client.get("/metrics")).text
    assert "revocation_list_held 1.0" in metrics
    assert "revocation_list_entries 2.0" in metrics
    assert 0.19 < figure(metrics, "revocation_list_age_seconds") < 5
    assert 'revocation_list_polls_total{outcome="new"} 1.0' in metrics
    for outcome in ("same", "malformed"):
        assert f'revocation_list_polls_total{{outcome="{outcome}"}} 0.0' not in metrics


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
    assert "revocation_list_entries 0.0" in metrics
    assert 'revocation_list_polls_total{outcome="new"} 0.0' in metrics
    assert ('revocation_list_polls_total{outcome="status"} 0.0' in metrics) is not polled
    assert 0 < figure(metrics, "revocation_list_age_seconds") < 60
    assert bool(server.paths) is polled
