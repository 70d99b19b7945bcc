"""What asks for the password once more: changing it, and closing the account."""

from collections.abc import Collection
from dataclasses import replace

from auth_service.accounts import repository
from auth_service.accounts.errors import WrongPassword
from auth_service.accounts.rules import email_key
from auth_service.accounts.schemas import PasswordChange
from auth_service.accounts.service import etag_of, refuse_weak
from auth_service.errors import FieldError, VersionConflict
from auth_service.events import repository as events
from auth_service.events.models import Client
from auth_service.resources import Resources
from auth_service.revocations.repository import is_revoked
from auth_service.sessions import rules
from auth_service.sessions.endings import forget_sessions, take_back
from auth_service.sessions.errors import SessionRevoked
from auth_service.sessions.grants import grant, new_session
from auth_service.sessions.models import Caller, Grant, Session
from auth_service.throttles.guard import check_password
from auth_service.throttles.models import Visitor


async def change_password(
    resources: Resources,
    caller: Caller,
    form: PasswordChange,
    client: Client,
    visitor: Visitor,
) -> Grant:
    """Another password, and a new session in place of all others, the caller's own too.

    The new session is in Redis before Postgres ends the old ones, so that a failure on the way
    leaves everything as it was. So is the word that the caller's own has a successor: its
    refresh that is told late must not take the new cookies away.

    Raises:
        WeakPassword: the new one is easy to guess.
        WrongPassword: the current one is not right.
        SessionRevoked: the caller's session was ended meanwhile.
        TooManyAttempts, Busy, SessionsUnavailable, Unavailable: not now; nothing has changed.

    """
    user = caller.user
    whose = visitor.network
    await refuse_weak(resources, form.new_password, user.email, "/new_password", whose)
    old = await _confirmed(resources, caller, form.current_password, client, visitor)
    encoded = await resources.passwords.hash(form.new_password, whose)
    raised = replace(user, ver=user.ver + 1)
    session = new_session(raised, client)
    await resources.sessions.add(session, rules.MAX_SESSIONS)
    try:
        interval = int(resources.settings.rotation_interval_seconds * 1000)
        await resources.sessions.announce_successor(caller.claims.session_id, interval)
        await _replace(resources, caller, old, encoded, session, client)
    except BaseException:
        await take_back(resources, session)
        raise
    resources.exchange.forget(user.id)
    await forget_sessions(resources, user.id, raised.ver)
    return await grant(resources, raised, session)


async def _replace(
    resources: Resources, caller: Caller, old: str, new: str, session: Session, client: Client
) -> None:
    """Raises SessionRevoked when another request changed the password or ended the session."""
    user = caller.user
    async with resources.database.transaction() as connection:
        replaced = await repository.replace_password(connection, user, old, new)
        if not replaced or await is_revoked(connection, caller.claims.session_id):
            raise SessionRevoked
        await events.record(connection, user.id, "password_changed", client, session.id)


async def close_account(
    resources: Resources,
    caller: Caller,
    current: str,
    client: Client,
    visitor: Visitor,
    expected: Collection[str] | None,
) -> None:
    """Delete the account with its sessions, tokens and events; its id is never used again.

    `expected` are the entity tags of If-Match, None when there is no condition.

    Raises:
        WrongPassword: the current password is not right.
        SessionRevoked: the caller's session was ended meanwhile.
        VersionConflict: the profile has none of the expected tags.
        TooManyAttempts, Busy, SessionsUnavailable, Unavailable: not now; nothing has changed.

    """
    await _confirmed(resources, caller, current, client, visitor)
    user = caller.user
    async with resources.database.transaction() as connection:
        present = await repository.lock_user(connection, user.id)
        ended = await is_revoked(connection, caller.claims.session_id)
        if present and (ended or present.ver != user.ver):
            raise SessionRevoked
        if present and expected is not None and etag_of(present) not in expected:
            raise VersionConflict
        await repository.delete_user(connection, user.id)
        await events.forget(connection, user.id)
    await forget_sessions(resources, user.id)


async def _confirmed(
    resources: Resources, caller: Caller, password: str, client: Client, visitor: Visitor
) -> str:
    """The hash of the password, which was the right one.

    Raises WrongPassword, TooManyAttempts; SessionRevoked when the password is no more the one that
    the caller signed in with.
    """
    user, session_id = caller.user, caller.claims.session_id
    async with resources.database.transaction() as connection:
        encoded = await repository.find_hash(connection, user)
    if encoded is None:
        raise SessionRevoked
    key = email_key(user.email)
    matches = await check_password(resources, visitor, key, user.id, encoded, password)
    if not matches:
        async with resources.database.transaction() as connection:
            await events.record(connection, user.id, "sign_in_failed", client, session_id)
        raise WrongPassword(
            errors=[FieldError("invalid_credentials", "is not right", pointer="/current_password")]
        )
    return encoded
