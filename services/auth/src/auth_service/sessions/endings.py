"""Sessions that end: in Postgres for good, then in Redis as far as it can be reached."""

import time
from datetime import UTC, datetime
from uuid import UUID

import structlog

from auth_service.accounts import repository as accounts
from auth_service.accounts.models import User
from auth_service.errors import Unavailable
from auth_service.events.models import Client, EventType
from auth_service.events.repository import record
from auth_service.resources import Resources
from auth_service.revocations import repository as revocations
from auth_service.sessions import rules
from auth_service.sessions.models import Session
from auth_service.sessions.repository import EVERY

log = structlog.get_logger(__name__)


async def end(
    resources: Resources, session_id: UUID, user_id: UUID, client: Client, kind: EventType
) -> None:
    """End a session for good: in Postgres, then in Redis as far as it can be reached.

    Those of an account that is closed have ended with it, and nothing is written of its owner.

    Raises:
        Unavailable: Postgres cannot be reached, and nothing has been ended.

    """
    no_token_lives_longer = datetime.fromtimestamp(time.time() + rules.ABSOLUTE_SECONDS, UTC)
    async with resources.database.transaction() as connection:
        # Held, so that whoever asks in a transaction of theirs whether it has ended knows. One that
        # ended before holds nobody up.
        if (
            not await revocations.is_revoked(connection, session_id)
            and await accounts.hold_user(connection, user_id)
            and await revocations.revoke(connection, session_id, user_id, no_token_lives_longer)
        ):
            await record(connection, user_id, kind, client, session_id)
    try:
        await resources.sessions.end(session_id, user_id)
    except Unavailable:
        log.warning("session_left_in_redis", session_id=str(session_id))


async def end_all(
    resources: Resources, user: User, session_id: UUID | None, client: Client
) -> None:
    """End every session of the user for good, on the word of the one with `session_id`.

    Raises:
        Unavailable: Postgres cannot be reached, and nothing has been ended.

    """
    async with resources.database.transaction() as connection:
        version = await accounts.raise_version(connection, user.id)
        if version:  # not closed meanwhile
            await record(connection, user.id, "signed_out", client, session_id)
    resources.exchange.forget(user.id)
    await forget_sessions(resources, user.id, version or EVERY)


async def forget_sessions(resources: Resources, user_id: UUID, version: int = EVERY) -> None:
    """Tell Redis, as far as it can be reached, of sessions whose end is in Postgres already.

    They are those from before the user's auth version became `version`; who has signed in since
    then stays so.
    """
    try:
        await resources.sessions.end_all(user_id, version)
    except Unavailable:
        log.warning("sessions_left_in_redis", user_id=str(user_id))


async def take_back(resources: Resources, session: Session) -> None:
    """Drop a session that nobody was told of."""
    try:
        await resources.sessions.end(session.id, session.user_id)
    except Unavailable:
        log.warning("session_left_in_redis", session_id=str(session.id))
