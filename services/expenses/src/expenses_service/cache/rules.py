"""How a cached reply is named, so that none is taken for one of another user, version or query."""

from uuid import UUID

from expenses_service.etag import opaque_etag

REPRESENTATION = 1
"""Raised by every release that changes the bytes of a cached reply."""

_SEPARATOR = b"\n"


def entity_tag(user_id: UUID, version: int, query_key: str) -> str:
    """Opaque and strong: user, data version, query and representation version decide it."""
    return opaque_etag(REPRESENTATION, user_id, version, query_key)


def storage_key(user_id: UUID, query_key: str) -> str:
    """The key in Redis; the user stands in it in clear, so that an operator can read it.

    There is one for each query: the last version that was read is all that can be of use.
    """
    return f"reply:{REPRESENTATION}:{user_id.hex}:{opaque_etag(query_key)[1:-1]}"


def pack(etag: str, body: bytes) -> bytes:
    """The value stored: the entity tag first, so that it names user, version and query."""
    return etag.encode() + _SEPARATOR + body


def unpack(etag: str, value: bytes) -> bytes | None:
    """The body, or None when `value` was stored for anything but `etag`."""
    prefix = etag.encode() + _SEPARATOR
    return value[len(prefix) :] if value.startswith(prefix) else None
