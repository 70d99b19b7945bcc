"""Sign in, refresh, sign out.

What must not be undone is in Postgres; Redis may lose only what costs a new sign-in. No transaction
is open while a password is hashed or Redis is asked.
"""

import time
from datetime import UTC, datetime
from uuid import UUID

import structlog

from auth_service.accounts import repository as accounts
from auth_service.accounts.errors import InvalidCredentials
from auth_service.accounts.models import User
from auth_service.accounts.rules import email_key
from auth_service.errors import NotFound
from auth_service.events.models import Client
from auth_service.events.repository import record_alone
from auth_service.keys.errors import InvalidToken
from auth_service.resources import Resources
from auth_service.revocations import repository as revocations
from auth_service.sessions import rules
from auth_service.sessions.endings import end, take_back
from auth_service.sessions.errors import SessionReplaced, SessionRevoked, TokenExpired
from auth_service.sessions.grants import grant, issue_access, issue_refresh, new_session
from auth_service.sessions.models import AccessClaims, Grant, Outcome, RefreshClaims, Session
from auth_service.sessions.schemas import Login
from auth_service.throttles.guard import NOBODY, check_password
from auth_service.throttles.models import Visitor

log = structlog.get_logger(__name__)


async def login(
    resources: Resources, form: Login, client: Client, visitor: Visitor
) -> tuple[User, Grant]:
    """A new session for the user whose password this is.

    Raises:
        InvalidCredentials: unknown address, wrong password, or a disabled account.
        TooManyAttempts: too many have failed.
        Busy, SessionsUnavailable: not now.

    """
    user = await _authenticate(resources, form, client, visitor)
    session = new_session(user, client)
    surplus = await resources.sessions.add(session, rules.MAX_SESSIONS)
    try:
        for session_id in surplus:
            await end(resources, session_id, user.id, client, "session_ended")
        await record_alone(resources.direct, user.id, "signed_in", client, session.id)
        return user, await grant(resources, user, session)
    except BaseException:
        await take_back(resources, session)
        raise


async def _authenticate(
    resources: Resources, form: Login, client: Client, visitor: Visitor
) -> User:
    key = _key_of(form.email)
    found = await accounts.find_credentials(resources.direct, key)
    user, encoded = found or (None, None)
    if user is not None and not rules.may_sign_in(user, datetime.now(UTC)):
        encoded = None  # no password is right, so that neither answers nor limits tell which is
    user_id = NOBODY if user is None else user.id
    account = key or form.email.casefold()
    matches = await check_password(resources, visitor, account, user_id, encoded, form.password)
    if matches and user is not None and user.one_time_until is not None:
        matches = await _use_once(resources, user)
    if user is None or encoded is None or not matches:
        # For nobody too: the same work.
        await record_alone(resources.direct, user_id, "sign_in_failed", client)
        raise InvalidCredentials
    if resources.passwords.is_outdated(encoded):
        stronger = await resources.passwords.hash(form.password, visitor.network)
        async with resources.database.transaction() as connection:
            await accounts.replace_hash(connection, user.id, encoded, stronger)
    return user


async def _use_once(resources: Resources, user: User) -> bool:
    """A one-time password signs in once: whether nobody else has just used it."""
    async with resources.database.transaction() as connection:
        return await accounts.use_once(connection, user.id)


def _key_of(email: str) -> str:
    """How the address compares; one of a wrong form is nobody's, at the same cost."""
    try:
        return email_key(email)
    except ValueError:
        return ""


async def find_refreshable(resources: Resources, claims: RefreshClaims) -> tuple[User, Session]:
    """Whose token it is, and the session that it may keep going.

    Raises:
        InvalidToken: not made with the secret of its session.
        TokenExpired: past its end, or its session is no longer in Redis.
        SessionRevoked: ended.
        SessionReplaced: ended by its own owner's new password, just now.
        SessionsUnavailable, Unavailable: nobody can say.

    """
    rules.check_alive(claims.expires_at, time.time())
    session = await resources.sessions.find(claims.session_id)
    user = await _standing_user(resources, claims)
    if session is None:
        raise TokenExpired
    if not rules.is_of(claims, session):
        raise InvalidToken
    await _refuse_outdated(resources, session, user)
    return user, session


async def refresh(
    resources: Resources, claims: RefreshClaims, user: User, session: Session, client: Client
) -> Grant:
    """A new access token and, when its turn has come, a new refresh token.

    Raises:
        SessionRevoked, SessionReplaced: ended meanwhile, or this very token is used again.
        TokenExpired: its session ran out meanwhile.
        SessionsUnavailable, Unavailable: not now; the token stays good.

    """
    interval = int(resources.settings.rotation_interval_seconds * 1000)
    outcome, generation, rotated_ms = await resources.sessions.rotate(
        session.id, claims.generation, interval
    )
    if outcome is Outcome.REVOKED:  # meanwhile, or by a request that could not write it down
        await _refuse_outdated(resources, session, await _standing_user(resources, claims))
    await _refuse_dead(resources, session, outcome, client)
    successor = None
    if outcome in {Outcome.ROTATED, Outcome.GRACE}:
        successor = await issue_refresh(resources, session, generation, rotated_ms)
    if outcome is Outcome.FAST_FORWARD:
        log.warning("session_fast_forward", generation=generation)
    expires_at = successor.expires_at if successor else claims.expires_at
    access = await issue_access(resources, user, session)
    return Grant(session.id, expires_at, access, successor)


async def read_refresh(resources: Resources, token: str) -> RefreshClaims:
    """Raises InvalidToken; an expired one is read too."""
    claims = await resources.keys.verify(token, rules.REFRESH_TYPE, long_lived=True)
    return rules.read_refresh(claims, resources.settings.issuer)


async def _standing_user(resources: Resources, claims: RefreshClaims | AccessClaims) -> User:
    """The user, if neither the session nor the account has been ended. Raises SessionRevoked."""
    user = await revocations.find_standing(resources.direct, claims.session_id, claims.user_id)
    if user is None:
        ended = "it or the account is ended"
        raise SessionRevoked(cause=f"session {claims.session_id} of {claims.user_id}: {ended}")
    return user


async def _refuse_outdated(resources: Resources, session: Session, user: User) -> None:
    """Raises SessionRevoked, SessionReplaced when all sessions of the user were ended since."""
    if session.ver < user.ver:
        replaced = await resources.sessions.is_replaced(session.id)
        raise SessionReplaced if replaced else SessionRevoked


async def _refuse_dead(
    resources: Resources, session: Session, outcome: Outcome, client: Client
) -> None:
    """Make a revocation durable before it is told. Raises SessionRevoked, TokenExpired."""
    if outcome is Outcome.ABSENT:
        raise TokenExpired
    if outcome is Outcome.REUSE:
        log.warning("refresh_token_reuse", session_id=str(session.id))
    if outcome in {Outcome.REUSE, Outcome.REVOKED}:
        await end(resources, session.id, session.user_id, client, "token_reuse")
        raise SessionRevoked


async def standing(resources: Resources, claims: AccessClaims) -> User:
    """The user that an access token speaks for, this very moment.

    Raises:
        SessionRevoked: the session, the account, or all tokens of this version were ended.

    """
    user = await _standing_user(resources, claims)
    if claims.ver < user.ver:
        raise SessionRevoked(cause=f"session {claims.session_id} of {user.id}: all were ended")
    return user


async def standing_sessions(resources: Resources, user: User) -> list[Session]:
    """The user's sessions that go on, the latest first.

    Raises:
        SessionsUnavailable, Unavailable: nobody can say.

    """
    found = await resources.sessions.of_user(user.id)
    async with resources.database.transaction() as connection:
        ended = await revocations.revoked_among(connection, [session.id for session in found])
    return [
        session
        for session in found
        if session.active and session.ver >= user.ver and session.id not in ended
    ]


async def end_own(resources: Resources, user: User, session_id: UUID, client: Client) -> None:
    """End one of the user's sessions.

    Raises:
        NotFound: there is none, it is somebody else's, or it has ended.
        SessionsUnavailable, Unavailable: nothing has been ended.

    """
    if session_id not in {session.id for session in await standing_sessions(resources, user)}:
        raise NotFound
    await end(resources, session_id, user.id, client, "session_ended")
