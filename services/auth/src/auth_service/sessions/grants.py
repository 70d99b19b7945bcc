"""A session that begins, and the tokens that speak for one."""

import random
import secrets
import time
from uuid import uuid4

from auth_service.accounts.models import User
from auth_service.events.models import Client
from auth_service.ids import uuid7
from auth_service.keys.rules import base64url
from auth_service.resources import Resources
from auth_service.sessions import rules
from auth_service.sessions.models import Grant, Grantor, Session, Token

SECRET_BYTES = 32


def new_session(user: User, client: Client) -> Session:
    """Begun now, with a secret of its own."""
    now = time.time_ns() // 1_000_000
    return Session(
        id=uuid7(),
        user_id=user.id,
        ver=user.ver,
        generation=1,
        rotated_ms=now,
        secret=secrets.token_bytes(SECRET_BYTES),
        expires_ms=now + rules.ABSOLUTE_SECONDS * 1000,
        auth_time=now // 1000,
        created_ms=now,
        seen_ms=now,
        user_agent=client.user_agent,
        ip=client.ip,
        active=True,
    )


async def issue_access(resources: Resources, user: User, session: Session) -> Token:
    """A new access token."""
    claims = rules.access_claims(
        resources.settings.issuer,
        user,
        Grantor(session.id, session.auth_time, rules.WEB, rules.WEB_SCOPES),
        jti=base64url(uuid4().bytes),
        now=int(time.time()),
        jitter=random.random(),  # noqa: S311 - spreads load, no secret
    )
    return Token(await resources.keys.sign(rules.ACCESS_TYPE, claims), int(str(claims["exp"])))


async def issue_refresh(
    resources: Resources, session: Session, generation: int, issued_ms: int
) -> Token:
    """The refresh token of a generation: the same bytes each time."""
    claims = rules.refresh_claims(resources.settings.issuer, session, generation, issued_ms)
    return Token(await resources.keys.sign(rules.REFRESH_TYPE, claims), int(str(claims["exp"])))


async def grant(resources: Resources, user: User, session: Session) -> Grant:
    """Both tokens of a session that begins."""
    refresh = await issue_refresh(resources, session, session.generation, session.rotated_ms)
    access = await issue_access(resources, user, session)
    return Grant(session.id, refresh.expires_at, access, refresh)
