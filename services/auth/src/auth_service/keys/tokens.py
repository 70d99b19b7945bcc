"""Compact JWS (RFC 7515) in the one form that this product issues, and nothing looser.

PyJWT signs and checks signatures; the form is checked here, since its defaults accept a `jku`
header, members twice and any `typ`. Its `decode` would walk through each character once more,
which is two thirds of what a token costs.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt

from auth_service.keys.errors import InvalidToken, UnknownKid
from auth_service.keys.models import SigningKey, VerifyingKey
from auth_service.keys.rules import base64url_decode

MAX_TOKEN_BYTES: Final = 4096
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_KID = re.compile(r"[A-Za-z0-9_-]{43}")
_MEMBERS = {"alg", "typ", "kid"}


def sign(key: SigningKey, kind: str, claims: Mapping[str, Any]) -> str:
    """A token with exactly `alg`, `typ` and `kid`; the same claims give the same bytes."""
    payload = json.dumps(claims, separators=(",", ":")).encode()
    header = {"typ": kind, "kid": key.kid}
    return jwt.PyJWS().encode(payload, key.private, algorithm=key.alg, headers=header)


def verify(token: str, kind: str, find: Callable[[str], VerifyingKey | None]) -> dict[str, Any]:
    """The claims of a token of type `kind` that a key of ours signed; no claim is judged yet.

    Raises:
        UnknownKid: `find` does not know its key.
        InvalidToken: anything else is not as `sign` makes it.

    """
    if len(token) > MAX_TOKEN_BYTES or not _COMPACT.fullmatch(token):
        raise InvalidToken
    signed, _, signature = token.rpartition(".")
    head, _, payload = signed.partition(".")
    header = _strict_object(_decode(head))
    kid = header.get("kid")
    if header.keys() != _MEMBERS or header["typ"] != kind or not isinstance(kid, str):
        raise InvalidToken
    if not _KID.fullmatch(kid):
        raise InvalidToken
    key = find(kid)
    if key is None:
        raise UnknownKid
    if header["alg"] != key.alg:
        raise InvalidToken
    algorithm = jwt.get_algorithm_by_name(key.alg)
    if not algorithm.verify(signed.encode(), key.public, _decode(signature)):
        raise InvalidToken
    return _strict_object(_decode(payload))


def _decode(part: str) -> bytes:
    try:
        return base64url_decode(part)
    except ValueError:
        raise InvalidToken from None


def _strict_object(document: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8 with no member twice and no NaN or Infinity."""
    try:
        value = json.loads(
            document.decode(), object_pairs_hook=_distinct, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        raise InvalidToken from None
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
