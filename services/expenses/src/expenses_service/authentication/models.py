"""The caller, as a verified access token names him."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Principal:
    """Claims of a verified token: `expires_at` in epoch seconds, `version` the claim `ver`.

    `user` and `session` are the texts of their ids, made once for all requests with the token.
    """

    user_id: UUID
    session_id: UUID
    scopes: frozenset[str]
    client_id: str
    zone: str
    version: int
    expires_at: int
    user: str = field(init=False)
    session: str = field(init=False)

    def __post_init__(self) -> None:
        """Make the texts."""
        object.__setattr__(self, "user", str(self.user_id))
        object.__setattr__(self, "session", str(self.session_id))

    def today(self, now: datetime | None = None) -> date:
        """The civil date where the user is; UTC for a zone that this machine does not know."""
        instant = now or datetime.now(UTC)
        try:
            return instant.astimezone(ZoneInfo(self.zone)).date()
        except (KeyError, ValueError, OSError):  # not in the database, an unsafe path, a folder
            return instant.astimezone(UTC).date()


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A token whose form is right: its text, and the algorithm and key that its header names."""

    text: str
    algorithm: str
    kid: str
