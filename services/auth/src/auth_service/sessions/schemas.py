"""Bodies of requests and answers about sessions."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from auth_service.accounts.models import User
from auth_service.accounts.rules import MAX_EMAIL
from auth_service.accounts.schemas import GivenPassword, Instant, UserBody, valid_unicode
from auth_service.sessions.models import Grant, Session


class Login(BaseModel):
    """`POST /auth/login`; whether the address has the right form is not told."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[StrictStr, Field(min_length=1, max_length=MAX_EMAIL), valid_unicode]
    password: GivenPassword


class SessionBody(BaseModel):
    """The session as a login or a refresh tells of it; it goes on if refreshed before its end."""

    id: UUID
    expires_at: Instant


class GrantBody(BaseModel):
    """The answer to a refresh; the tokens themselves are in cookies."""

    access_expires_at: Instant
    session: SessionBody

    @classmethod
    def of(cls, grant: Grant) -> "GrantBody":
        """What may be shown of `grant`."""
        ends = datetime.fromtimestamp(grant.session_expires_at, UTC)
        return cls(
            access_expires_at=datetime.fromtimestamp(grant.access.expires_at, UTC),
            session=SessionBody(id=grant.session_id, expires_at=ends),
        )


class LoginBody(GrantBody):
    """The answer to a login."""

    user: UserBody

    @classmethod
    def for_user(cls, user: User, grant: Grant) -> "LoginBody":
        """What may be shown of `user` and `grant`."""
        body = GrantBody.of(grant)
        return cls(
            user=UserBody.of(user), access_expires_at=body.access_expires_at, session=body.session
        )


class OwnSessionBody(BaseModel):
    """One of the caller's sessions; `current` is the one that asks."""

    id: UUID
    created_at: Instant
    last_seen_at: Instant
    user_agent: str | None
    ip: str | None
    current: bool

    @classmethod
    def of(cls, session: Session, *, current: bool) -> "OwnSessionBody":
        """What may be shown of `session`."""
        return cls(
            id=session.id,
            created_at=datetime.fromtimestamp(session.created_ms / 1000, UTC),
            last_seen_at=datetime.fromtimestamp(session.seen_ms / 1000, UTC),
            user_agent=session.user_agent,
            ip=session.ip,
            current=current,
        )


class OwnSessions(BaseModel):
    """`GET /auth/sessions`."""

    items: list[OwnSessionBody]
