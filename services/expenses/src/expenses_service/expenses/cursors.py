"""Cursors: where a page ended, sealed so that only this service can have written it.

A cursor is base64url of the last row's sort key (64 bits) and id (128), and a MAC over both and the
scope: user, filters and order. It tells nothing that its page did not show, and it does not age.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cache
from hashlib import blake2b
from struct import Struct, error
from typing import Final, NamedTuple
from uuid import UUID

from expenses_service.expenses.errors import InvalidCursor

_PLACE: Final = Struct(">Bq16s")
_FORMAT: Final = 1
_MAC_BYTES: Final = 16


class Position(NamedTuple):
    """Of a row in an order: its sort key as an integer, and its id, which settles ties."""

    key: int
    id: UUID


def seal(secret: bytes, scope: str, position: Position) -> str:
    """The text of a cursor that opens under the same secret and scope only."""
    place = _PLACE.pack(_FORMAT, position.key, position.id.bytes)
    return urlsafe_b64encode(place + _mac(secret, scope, place)).decode().rstrip("=")


def unseal(secret: bytes, scope: str, text: str) -> Position:
    """Raises InvalidCursor when `text` is anything but a cursor sealed for this scope."""
    try:
        sealed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        _, key, identifier = _PLACE.unpack(sealed[:-_MAC_BYTES])
    except (ValueError, error) as problem:
        raise InvalidCursor from problem
    position = Position(key, UUID(bytes=identifier))
    # The texts are compared: base64url has several for the same bytes (RFC 4648, section 3.5).
    if not hmac.compare_digest(text.encode(), seal(secret, scope, position).encode()):
        raise InvalidCursor
    return position


@cache
def key_name(secret: bytes) -> str:
    """Tells keys apart and nothing else of them: a page is another one when its cursor is."""
    return blake2b(secret, digest_size=8, person=b"cursor key").hexdigest()


def _mac(secret: bytes, scope: str, place: bytes) -> bytes:
    return hmac.digest(secret, scope.encode() + b"\0" + place, "sha256")[:_MAC_BYTES]
