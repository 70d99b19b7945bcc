"""A session, what a refresh decided, and the tokens of an answer."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from auth_service.accounts.models import User


class Outcome(StrEnum):
    """What the atomic rotation decided about a refresh token (SECURITY.md, refresh rotation)."""

    ROTATED = "ROTATED"
    SAME = "SAME"
    GRACE = "GRACE"
    FAST_FORWARD = "FAST-FORWARD"
    REUSE = "REUSE"
    REVOKED = "REVOKED"
    ABSENT = "ABSENT"


@dataclass(frozen=True, slots=True)
class Session:
    """What Redis holds of a session; instants are milliseconds since the epoch."""

    id: UUID
    user_id: UUID
    ver: int
    generation: int
    rotated_ms: int
    secret: bytes
    expires_ms: int
    auth_time: int
    created_ms: int
    seen_ms: int
    user_agent: str | None
    ip: str | None
    active: bool


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    """The claims of a refresh token whose signature is good."""

    session_id: UUID
    user_id: UUID
    generation: int
    jti: str
    issued_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """The claims of an access token whose signature is good, those that auth acts on."""

    session_id: UUID
    user_id: UUID
    ver: int
    client_id: str
    scopes: frozenset[str]
    expires_at: int


@dataclass(frozen=True, slots=True)
class Caller:
    """The signed-in user of a request and the session that speaks for them."""

    user: User
    claims: AccessClaims


@dataclass(frozen=True, slots=True)
class Grantor:
    """In whose name an access token speaks: a session, or a personal access token.

    `expires_at`, if there is one, is an end that the access token must not outlive.
    """

    id: UUID
    auth_time: int
    client_id: str
    scope: str
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A signed token and its `exp`, in seconds since the epoch."""

    text: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What a login or a refresh gives; `refresh` is None when the present one goes on."""

    session_id: UUID
    session_expires_at: int
    access: Token
    refresh: Token | None
