"""The table of answers that are kept for retries, and what is kept."""

from typing import Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import CheckConstraint, Column, DateTime, Index, SmallInteger, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import BYTEA

from expenses_service.tables import metadata


class KeyedRequest(Struct, frozen=True):
    """A POST that names itself: the scope of its key, and a digest of what it asks for."""

    user_id: UUID
    method: str
    path: str
    key: str
    fingerprint: bytes


class Answer(Struct, frozen=True):
    """What a POST answered, as it is stored and sent again."""

    status: int
    body: bytes
    etag: str | None = None
    location: str | None = None
    replayed: bool = False


idempotency: Final = Table(
    "idempotency",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("method", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", BYTEA, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("body", BYTEA, nullable=False),
    Column("etag", Text),
    Column("location", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("char_length(key) BETWEEN 1 AND 255", "key"),
    CheckConstraint("status BETWEEN 200 AND 299", "status"),
)

Index("idempotency_age", idempotency.c.created_at, postgresql_using="brin")
