"""How a cached reply is named, so that no two users, versions or queries ever share one."""

from uuid import UUID

from expenses_service.etag import opaque_etag

REPRESENTATION = 1
"""Raised by every release that changes the bytes of a cached reply."""

_SEPARATOR = b"\n"


def entity_tag(user_id: UUID, version: int, query_key: str) -> str:
    """Opaque and strong: user, data version, query and representation version decide it."""
    return opaque_etag(REPRESENTATION, user_id, version, query_key)


def storage_key(user_id: UUID, version: int, etag: str) -> str:
    """The key in Redis; user and version stand in it in clear, so that an operator can read it."""
    tag = etag.strip('"')
    return f"reply:{REPRESENTATION}:{user_id.hex}:{version}:{tag}"


def pack(etag: str, body: bytes) -> bytes:
    """The value stored: the entity tag first, so that a value names what it answers."""
    return etag.encode() + _SEPARATOR + body


def unpack(etag: str, value: bytes) -> bytes | None:
    """The body, or None when `value` was stored for anything but `etag`."""
    prefix = etag.encode() + _SEPARATOR
    return value[len(prefix) :] if value.startswith(prefix) else None
