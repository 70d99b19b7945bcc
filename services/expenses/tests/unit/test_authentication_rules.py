"""Forged, malformed and dated tokens (SECURITY.md, "Cases that must hold"), with real RSA keys."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from expenses_service.authentication.errors import InvalidToken, TokenExpired
from expenses_service.authentication.models import Principal
from expenses_service.authentication.rules import read_token, verify_token
from expenses_service.keys.models import PublicKey
from tests.tokens import ISSUER, SigningKey, access_claims, encode, user_id

KEY = SigningKey.generate()
OTHER = SigningKey.generate()
HEADER = {"alg": "RS256", "typ": "at+jwt", "kid": KEY.kid}
HUGE = 10**400


def verify(text: str, now: float | None = None) -> Principal:
    public = PublicKey(KEY.kid, "RS256", KEY.private.public_key())
    now = time.time() if now is None else now
    return verify_token(read_token(text), public, issuer=ISSUER, now=now)


def hs256(secret: bytes) -> str:
    header = HEADER | {"alg": "HS256"}
    signed = f"{encode(json.dumps(header).encode())}.{encode(json.dumps(access_claims()).encode())}"
    return f"{signed}.{encode(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def public_pem() -> bytes:
    return KEY.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def payload(text: str) -> str:
    """A well-signed token over exactly this payload text."""
    return KEY.sign(json.dumps(HEADER).encode(), text.encode())


def raw(name: str, literal: str) -> str:
    """A well-signed token in whose claims `name` has this JSON text as value."""
    claims = json.dumps(access_claims(**{name: "@"}))
    return payload(claims.replace('"@"', literal))


def test_a_good_token_names_its_principal() -> None:
    claims = access_claims(user_id(7), scope="expenses:read", client_id="pat", ver=3)
    principal = verify(KEY.token(claims))
    assert principal.user_id == user_id(7)
    assert str(principal.session_id) == claims["sid"]
    assert principal.scopes == {"expenses:read"}
    assert (principal.client_id, principal.version) == ("pat", 3)
    assert (principal.zone, principal.expires_at) == ("Europe/Berlin", claims["exp"])


def test_claims_that_nobody_knows_are_ignored() -> None:
    assert verify(KEY.token(access_claims(future="yes"))).user_id == user_id()


SIGNATURES = {
    "alg none": f"{encode(json.dumps(HEADER | {'alg': 'none'}).encode())}."
    f"{encode(json.dumps(access_claims()).encode())}.",
    "alg none with a signature": KEY.token(access_claims(), HEADER | {"alg": "none"}),
    "alg None": KEY.token(access_claims(), HEADER | {"alg": None}),
    "alg nOnE": KEY.token(access_claims(), HEADER | {"alg": "nOnE"}),
    "alg RS512": KEY.token(access_claims(), HEADER | {"alg": "RS512"}),
    "alg PS256": KEY.token(access_claims(), HEADER | {"alg": "PS256"}),
    "alg ES256": KEY.token(access_claims(), HEADER | {"alg": "ES256"}),
    "hs256 with the public pem": hs256(public_pem()),
    "hs256 with the jwk's text": hs256(json.dumps(KEY.jwk).encode()),
    "hs256 with the modulus": hs256(KEY.jwk["n"].encode()),
    "hs256 with nothing": hs256(b""),
    "another key's signature": OTHER.token(access_claims(), HEADER),
    "a changed payload": ".".join(
        [
            KEY.token(access_claims()).split(".")[0],
            encode(json.dumps(access_claims(user_id(2))).encode()),
            KEY.token(access_claims()).split(".")[2],
        ]
    ),
    "no signature": KEY.token(access_claims()).rpartition(".")[0] + ".",
    "a cut signature": KEY.token(access_claims())[:-8],
}

HEADERS = {
    "no typ": {"alg": "RS256", "kid": KEY.kid},
    "no kid": {"alg": "RS256", "typ": "at+jwt"},
    "no alg": {"typ": "at+jwt", "kid": KEY.kid},
    "typ JWT": HEADER | {"typ": "JWT"},
    "refresh token": HEADER | {"typ": "rt+jwt"},
    "revocation list": HEADER | {"typ": "rev+jwt"},
    "typ in capitals": HEADER | {"typ": "AT+JWT"},
    "typ as media type": HEADER | {"typ": "application/at+jwt"},
    "typ a list": HEADER | {"typ": ["at+jwt"]},
    "alg a list": HEADER | {"alg": ["RS256"]},
    "embedded jwk": HEADER | {"jwk": OTHER.jwk},
    "jku": HEADER | {"jku": "http://attacker.example/jwks.json"},
    "x5u": HEADER | {"x5u": "http://attacker.example/cert.pem"},
    "x5c": HEADER | {"x5c": ["MIIB"]},
    "unknown crit": HEADER | {"crit": ["exp"], "exp": 1},
    "crit b64": HEADER | {"crit": ["b64"], "b64": False},
    "zip": HEADER | {"zip": "DEF"},
    "cty": HEADER | {"cty": "JWT"},
    "kid a path": HEADER | {"kid": "../../../../dev/null"},
    "kid SQL": HEADER | {"kid": "' UNION SELECT 'secret' --"},
    "kid 10 KB": HEADER | {"kid": "A" * 10_000},
    "kid with NUL": HEADER | {"kid": "A" * 42 + "\0"},
    "kid with a line break": HEADER | {"kid": KEY.kid + "\n"},
    "kid too short": HEADER | {"kid": "A" * 42},
    "kid a number": HEADER | {"kid": 7},
    "kid null": HEADER | {"kid": None},
    "a list": ["RS256"],
}

FORMS = {
    "nothing": "",
    "one dot": "e30.e30",
    "dots only": "..",
    "a megabyte of dots": "." * 2**20,
    "a megabyte": "A" * 2**20,
    "four parts": KEY.token(access_claims()) + ".AAAA",
    "five parts": "a.b.c.d.e",
    "spaces around": f" {KEY.token(access_claims())} ",
    "a line break after": KEY.token(access_claims()) + "\n",
    "padding": KEY.token(access_claims()) + "=",
    "not ASCII": "é.é.é",
    "header cut": "A.e30.AAAA",
    "header not JSON": f"{encode(b'nonsense')}.e30.AAAA",
    "header not UTF-8": f"{encode(bytes([0xFF, 0xFE]))}.e30.AAAA",
    "header nested deep": f"{encode(b'[' * 2000)}.e30.AAAA",
    "JSON serialisation": json.dumps({"payload": "e30", "signatures": []}),
    "more than 4 KB, well signed": KEY.token(access_claims(pad="x" * 4096)),
    "header with a member twice": KEY.sign(
        f'{{"alg":"none","alg":"RS256","typ":"at+jwt","kid":"{KEY.kid}"}}'.encode(),
        json.dumps(access_claims()).encode(),
    ),
    "claims with a member twice": payload(
        json.dumps(access_claims())[:-1] + f', "sub": "{user_id(2)}"}}'
    ),
    "claims a list": payload("[]"),
    "claims a string": payload('"sub"'),
    "claims not JSON": payload("sub"),
    "claims nested deep": payload("[" * 1500),
    "claims empty": payload("{}"),
    "claims with a byte order mark": payload("\ufeff" + json.dumps(access_claims())),
}

BAD_TIMES: dict[str, Callable[[int], dict[str, int]]] = {
    "ten years": lambda now: {"exp": now + 10 * 365 * 86_400},
    "331 seconds": lambda now: {"iat": now, "exp": now + 331},
    "ends before it begins": lambda now: {"iat": now, "exp": now - 1},
    "no life at all": lambda now: {"iat": now, "exp": now},
    "issued in two minutes": lambda now: {"iat": now + 120, "exp": now + 300},
    "issued at zero": lambda now: {"iat": 0, "exp": now + 10},
    "negative": lambda now: {"iat": -1, "exp": now + 10},
    "beyond 9999": lambda _: {"iat": 253_402_300_800, "exp": 253_402_300_900},
}
LITERALS = ["true", "null", '"1700000000"', "1e308", "1.5", "[]", "{}", "NaN", "Infinity", "-1"]
VALUES: dict[str, list[Any]] = {
    "iss": ["expense-auth ", "Expense-Auth", "expense-auth/", "", 1, ["expense-auth"], "auth"],
    "aud": ["auth-refresh", "expense-app ", "", ["expense-app"], ["expense-app", "x"], 1],
    "sub": [
        "",
        "1",
        "0190ABCD-0000-7000-8000-000000000001",
        "5f0c6e4e-7a4b-4b8e-9c39-0d2a2c1f0b11",
        7,
        [],
        "x" * 36,
    ],
    "sid": ["", "1", 7, "0" * 36, "{01900000-0000-7000-8000-00000000000}"],
    "jti": ["", 7, "x" * 65, []],
    "client_id": ["", "admin", 7, ["web"]],
    "scope": [
        "",
        " ",
        "expenses:read  expenses:write",
        " expenses:read",
        7,
        ["expenses:read"],
        'a"b',
    ],
    "ver": [0, -1, "1", 1.0, True, 2**31, HUGE],
    "zoneinfo": ["", 7, "x" * 65, []],
    "auth_time": [0, "1", 1.5, True, HUGE],
}


@pytest.mark.parametrize("text", SIGNATURES.values(), ids=SIGNATURES)
def test_signature_that_the_key_did_not_make(text: str) -> None:
    with pytest.raises(InvalidToken):
        verify(text)


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_header_that_is_not_exactly_right(header: Mapping[str, object]) -> None:
    with pytest.raises(InvalidToken):
        verify(KEY.token(access_claims(), header))


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_text_that_is_no_token(text: str) -> None:
    with pytest.raises(InvalidToken):
        verify(text)


@pytest.mark.parametrize("name", sorted(access_claims()))
def test_claim_that_is_missing(name: str) -> None:
    with pytest.raises(InvalidToken):
        verify(KEY.token(access_claims(**{name: None})))


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in VALUES.items() for value in values]
)
def test_claim_of_a_wrong_value_or_type(name: str, value: object) -> None:
    with pytest.raises(InvalidToken):
        verify(KEY.token(access_claims(**{name: value})))


@pytest.mark.parametrize("name", ["iat", "exp", "auth_time", "ver"])
@pytest.mark.parametrize("literal", [*LITERALS, "1" + "0" * 400, "1e400"])
def test_number_that_is_no_instant(name: str, literal: str) -> None:
    with pytest.raises(InvalidToken):
        verify(raw(name, literal))


@pytest.mark.parametrize("times", BAD_TIMES.values(), ids=BAD_TIMES)
def test_times_that_cannot_be(times: Callable[[int], dict[str, int]]) -> None:
    with pytest.raises(InvalidToken):
        verify(KEY.token(access_claims(**times(int(time.time())))))


@pytest.mark.parametrize(
    ("after", "alive"), [(299, True), (329.9, True), (330, False), (9e9, False)]
)
def test_expiry_has_thirty_seconds_of_leeway(after: float, *, alive: bool) -> None:
    now = int(time.time())
    text = KEY.token(access_claims(iat=now, exp=now + 300))
    if alive:
        assert verify(text, now + after).user_id == user_id()
        return
    with pytest.raises(TokenExpired):
        verify(text, now + after)


def test_a_clock_a_minute_behind_is_tolerated() -> None:
    now = int(time.time())
    assert verify(KEY.token(access_claims(iat=now + 85, exp=now + 385)))


def test_an_expired_forgery_is_not_told_apart() -> None:
    now = int(time.time())
    with pytest.raises(InvalidToken):
        verify(OTHER.token(access_claims(iat=now - 900, exp=now - 600), HEADER))
