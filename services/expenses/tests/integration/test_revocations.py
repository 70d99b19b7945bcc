"""The reader of the revocation list, against a real server that misbehaves in many ways."""

import asyncio
import statistics
import time
from dataclasses import replace
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from expenses_service.keys.repository import HttpKeySource
from expenses_service.keys.service import KeyRing
from expenses_service.revocations.errors import ListNotTaken, Reason
from expenses_service.revocations.models import Answer
from expenses_service.revocations.repository import RevocationSource
from expenses_service.revocations.rules import MAX_DOCUMENT_BYTES
from expenses_service.revocations.service import open_reader
from tests.jwks_server import JwksServer
from tests.revocation_reading import KEY, LISTED, PRINCIPAL, SESSION, STRANGE, polled, reading
from tests.tokens import (
    ISSUER,
    key_set,
    revocation_list,
    user_id,
)
from tests.waiting import in_time, until


async def test_a_listed_session_is_revoked_and_no_other() -> None:
    with JwksServer(revocation_list(KEY, **LISTED)) as server:
        async with reading(server) as reader:
            assert not reader.is_revoked(PRINCIPAL)
            await until(lambda: reader.list is not None)
            assert reader.is_revoked(PRINCIPAL)
            assert not reader.is_revoked(replace(PRINCIPAL, session_id=uuid4()))


@pytest.mark.parametrize(("least", "dead"), [(2, False), (3, False), (4, True), (2**31 - 1, True)])
async def test_a_version_below_the_least_is_revoked(least: int, dead: bool) -> None:  # noqa: FBT001 - a table
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


async def test_a_slow_answer_does_not_put_off_the_next_poll(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or a revocation just missed by a slow poll would arrive 0.9 + 2 + 0.9 s later."""
    monkeypatch.setattr("expenses_service.revocations.repository.POLL_TIMEOUT_SECONDS", 20.0)
    document = revocation_list(KEY)
    with JwksServer(document) as server:
        server.drip = 0.2 / len(document)
        async with reading(server, poll_seconds=0.3) as reader:
            await until(lambda: reader.polls["new"] >= 6)
    pauses = [begun - ended for ended, begun in zip(server.ends, server.times[1:], strict=False)]
    assert statistics.median(pauses) < 0.3 * 0.75
    gaps = [after - before for before, after in pairwise(server.times)]
    assert statistics.median(gaps) > 0.25


async def test_after_a_poll_in_vain_the_next_comes_at_once() -> None:
    """One, or an auth that is away would be asked all the time."""
    with JwksServer(status=503) as server:
        async with reading(server, poll_seconds=60) as reader:
            await until(lambda: reader.polls["status"] == 2)
            await asyncio.sleep(0.3)
            assert len(server.times) == 2
    with JwksServer(revocation_list(KEY, **LISTED)) as server:
        server.faults = 1
        async with reading(server, poll_seconds=60) as reader:
            await until(lambda: reader.is_revoked(PRINCIPAL))
            assert (reader.polls["status"], reader.polls["new"]) == (1, 1)


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

            async def given_up() -> float:
                began = time.monotonic()
                await until(polled(reader, "timeout"))
                assert reader.is_revoked(PRINCIPAL)
                return time.monotonic() - began

            await in_time(given_up, 4)


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
    async def stops() -> float:
        with JwksServer(revocation_list(KEY)) as server:
            async with reading(server):
                server.delay.clear()
                await until(lambda: len(server.paths) >= 2)
                began = time.monotonic()
            seconds = time.monotonic() - began
            asked = len(server.paths)
            await asyncio.sleep(0.1)
            assert len(server.paths) == asked
            return seconds

    await in_time(stops, 0.5)


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
            await until(lambda: reader.age() < 0.5)


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
