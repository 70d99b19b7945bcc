"""The table of security events, one of them, and the client that one is about."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, DateTime, Index, Table, Text, Uuid, column, text

from auth_service.tables import metadata

EventType = Literal[
    "registered",
    "signed_in",
    "sign_in_failed",
    "signed_out",
    "session_ended",
    "password_changed",
    "token_created",
    "token_revoked",
    "token_reuse",
]

security_events: Final = Table(
    "security_events",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("user_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("type", Text, nullable=False),
    Column("ip", Text),
    Column("user_agent", Text),
    Column("session_id", Uuid),
    CheckConstraint(column("type").in_(get_args(EventType)), name="type"),
)
Index("security_events_user_id_id_idx", security_events.c.user_id, security_events.c.id.desc())


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from: its network, not its address, and what it calls itself."""

    ip: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """A row of `security_events` without its user."""

    id: UUID
    at: datetime
    type: EventType
    ip: str | None
    user_agent: str | None
    session_id: UUID | None
