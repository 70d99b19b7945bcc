"""How a cached reply is named, so that none is taken for one of another user, version or query."""

from typing import Final
from uuid import UUID

from expenses_service.etag import opaque_etag

REPRESENTATION = 1
"""Raised by every release that changes the bytes of a cached reply."""

_HEAD_BYTES: Final = len(opaque_etag()) + len(" 00000000\n")


def entity_tag(user_id: UUID, version: int, query_key: str) -> str:
    """Opaque and strong: user, data version, query and representation version decide it."""
    return opaque_etag(REPRESENTATION, user_id, version, query_key)


def storage_key(user_id: UUID, query_key: str) -> str:
    """The key in Redis; the user stands in it in clear, so that an operator can read it.

    There is one for each query: the last version that was read is all that can be of use.
    """
    return f"reply:{REPRESENTATION}:{user_id.hex}:{opaque_etag(query_key)[1:-1]}"


def pack(etag: str, body: bytes) -> bytes:
    """The value stored: what it is of, user, version and query in one, then how long it is."""
    return _head(etag, len(body)) + body


def unpack(etag: str, value: bytes) -> bytes | None:
    """The body, or None when `value` was stored for anything but `etag`, or is not whole.

    A checksum would cost a list 2 %: memory and the way from Redis have their own.
    """
    head = value[:_HEAD_BYTES]
    body = value[_HEAD_BYTES:]
    return body if head == _head(etag, len(body)) else None


def _head(etag: str, length: int) -> bytes:
    return b"%s %08x\n" % (etag.encode(), length)
