"""What makes an access token valid, apart from having the keys (RFC 7519, 7515, 8725, 9068).

PyJWT checks the signature; everything else is here, since its `decode` accepts a wrong `typ`, a
missing `exp`, a `jku` header, a list as `aud` and `exp = 1e308`, and takes a tenth of a second of
CPU for a revocation list of 50,000 entries.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import jwt

from expenses_service.authentication.errors import InvalidToken, TokenExpired
from expenses_service.authentication.models import Principal, UnverifiedToken
from expenses_service.identifiers import Identifier
from expenses_service.keys.models import PublicKey
from expenses_service.keys.rules import KID_SHAPE

ACCESS_TYPE = "at+jwt"
AUDIENCE = "expense-app"
MAX_TOKEN_BYTES = 4096
LEEWAY_SECONDS = 30
MAX_AHEAD_SECONDS = 90
MAX_LIFE_SECONDS = 330
LAST_INSTANT = 253_402_300_799  # 9999-12-31T23:59:59Z

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_HEADER_MEMBERS = {"alg", "typ", "kid"}
UUID_SHAPE = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_SCOPES = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")  # RFC 6749, 3.3
_CLIENTS = frozenset({"web", "pat"})


def read_token(
    text: str, kind: str = ACCESS_TYPE, most_bytes: int = MAX_TOKEN_BYTES
) -> UnverifiedToken:
    """Check size and form before anything is believed or any key is sought.

    Raises:
        InvalidToken: more than `most_bytes`, not three base64url parts, or a header that is not
            exactly `alg`, `typ` of this `kind` and a `kid` of 43 base64url characters.

    """
    if len(text) > most_bytes or not _COMPACT.fullmatch(text):
        raise InvalidToken
    header = strict_object(_decode(text.partition(".")[0]))
    if header.keys() != _HEADER_MEMBERS or header["typ"] != kind:
        raise InvalidToken
    algorithm, kid = header["alg"], header["kid"]
    if not isinstance(algorithm, str) or not isinstance(kid, str) or not KID_SHAPE.fullmatch(kid):
        raise InvalidToken
    return UnverifiedToken(text, algorithm, kid)


def verify_token(token: UnverifiedToken, key: PublicKey, *, issuer: str, now: float) -> Principal:
    """The principal that `token` names, if `key` signed it and every claim holds at `now`.

    Raises:
        TokenExpired: the token is good but for its `exp`.
        InvalidToken: anything else.

    """
    claims = strict_object(signed_payload(token, key))
    if claims.get("iss") != issuer or claims.get("aud") != AUDIENCE:
        raise InvalidToken
    principal = _principal(claims)
    _check_times(_instant(claims, "iat"), _instant(claims, "exp"), now)
    check_alive(principal, now)
    return principal


def signed_payload(token: UnverifiedToken, key: PublicKey) -> bytes:
    """The payload of a token that `key` signed, of which nothing has been judged.

    Raises:
        InvalidToken: the header names another algorithm than the key's, or the signature is bad.

    """
    if token.algorithm != key.algorithm:
        raise InvalidToken
    signed, _, signature = token.text.rpartition(".")
    algorithm = jwt.get_algorithm_by_name(key.algorithm)
    if not algorithm.verify(signed.encode(), key.rsa, _decode(signature)):
        raise InvalidToken
    return _decode(signed.partition(".")[2])


def check_alive(principal: Principal, now: float) -> None:
    """Raises TokenExpired; asked again on every use of a remembered token."""
    if now >= principal.expires_at + LEEWAY_SECONDS:
        raise TokenExpired


def _check_times(issued_at: int, expires_at: int, now: float) -> None:
    if issued_at > now + MAX_AHEAD_SECONDS or not 0 < expires_at - issued_at <= MAX_LIFE_SECONDS:
        raise InvalidToken


def _principal(claims: Mapping[str, Any]) -> Principal:
    _text(claims, "jti", 64)
    _instant(claims, "auth_time")
    client_id = _text(claims, "client_id", 64)
    scope = _text(claims, "scope", 1024)
    if client_id not in _CLIENTS or not _SCOPES.fullmatch(scope):
        raise InvalidToken
    return Principal(
        user_id=_uuid(claims, "sub", _UUID7),
        session_id=_uuid(claims, "sid", UUID_SHAPE),
        scopes=frozenset(scope.split(" ")),
        client_id=client_id,
        zone=_text(claims, "zoneinfo", 64),
        version=_integer(claims, "ver", 1, 2**31 - 1),
        expires_at=_instant(claims, "exp"),
    )


def _text(claims: Mapping[str, Any], name: str, longest: int) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise InvalidToken
    return value


def _uuid(claims: Mapping[str, Any], name: str, shape: re.Pattern[str]) -> UUID:
    value = _text(claims, name, 36)
    if not shape.fullmatch(value):
        raise InvalidToken
    return Identifier(value)


def _instant(claims: Mapping[str, Any], name: str) -> int:
    return _integer(claims, name, 1, LAST_INSTANT)


def _integer(claims: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = claims.get(name)
    if type(value) is not int or not least <= value <= most:  # bool is an int to isinstance
        raise InvalidToken
    return value


def _decode(part: str) -> bytes:
    """Base64url without padding, in its one canonical form (RFC 4648, section 3.5)."""
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as error:
        raise InvalidToken from error
    if base64.urlsafe_b64encode(data).rstrip(b"=") != part.encode():
        raise InvalidToken
    return data


def strict_object(document: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8 with no member twice and no NaN or Infinity. Raises InvalidToken."""
    try:
        value = json.loads(
            document.decode(), object_pairs_hook=_distinct, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise InvalidToken from error
    if not isinstance(value, dict):
        raise InvalidToken
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
