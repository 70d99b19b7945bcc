"""Documents that are no newer revocation list."""

import gzip
import json
import time

import pytest

from expenses_service.revocations.errors import Reason
from tests.jwks_server import JwksServer
from tests.revocation_reading import KEY, LISTED, PRINCIPAL, SESSION, STRANGE, polled, reading
from tests.tokens import (
    ISSUER,
    access_claims,
    encode,
    revocation_list,
    user_id,
)
from tests.waiting import until


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
