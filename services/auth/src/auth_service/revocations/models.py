"""The table of revoked sessions, and the list that readers poll."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Column, DateTime, Index, Table, Uuid, text

from auth_service.tables import metadata

revoked_sessions: Final = Table(
    "revoked_sessions",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("revoked_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column(
        "expires_at",
        DateTime(timezone=True),
        nullable=False,
        comment="no token of the session lives longer",
    ),
)
Index("revoked_sessions_revoked_at_idx", revoked_sessions.c.revoked_at)


@dataclass(frozen=True, slots=True)
class Revocations:
    """What still matters: `at` in seconds since the epoch, least good version by user."""

    at: int
    sids: Sequence[str]
    min_ver: Mapping[str, int]
