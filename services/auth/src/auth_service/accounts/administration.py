"""What an operator does to an account: disable it, enable it again, give it a one-time password."""

import secrets
from datetime import UTC, datetime, timedelta

from auth_service.accounts import repository
from auth_service.accounts.models import User
from auth_service.accounts.rules import email_key
from auth_service.errors import NotFound
from auth_service.events.models import Client
from auth_service.events.repository import record
from auth_service.resources import Resources
from auth_service.sessions.endings import forget_sessions

ONE_TIME_HOURS = 24
ONE_TIME_BYTES = 18
NOWHERE = Client(ip=None, user_agent=None)


async def disable(resources: Resources, email: str) -> User:
    """End all sessions and tokens of the account; it cannot sign in until it is enabled.

    Raises:
        NotFound: nobody has this address.
        Unavailable: Postgres cannot be reached; nothing has changed.

    """
    user = await _find(resources, email)
    async with resources.database.transaction() as connection:
        await repository.set_disabled(connection, user.id, disabled=True)
    await forget_sessions(resources, user.id)
    return user


async def enable(resources: Resources, email: str) -> User:
    """Let the account sign in again; its personal access tokens work again too.

    Raises:
        NotFound: nobody has this address.
        Unavailable: Postgres cannot be reached; nothing has changed.

    """
    user = await _find(resources, email)
    async with resources.database.transaction() as connection:
        await repository.set_disabled(connection, user.id, disabled=False)
    return user


async def reset(resources: Resources, email: str) -> tuple[User, str]:
    """A password for one sign-in within 24 hours, in place of the old one; all sessions end.

    The owner then sets a password of their own, with this one as the current one.

    Raises:
        NotFound: nobody has this address.
        Unavailable: Postgres cannot be reached; nothing has changed.

    """
    password = secrets.token_urlsafe(ONE_TIME_BYTES)
    encoded = await resources.passwords.hash(password)
    until = datetime.now(UTC) + timedelta(hours=ONE_TIME_HOURS)
    user = await _find(resources, email)
    async with resources.database.transaction() as connection:
        await repository.set_one_time_password(connection, user.id, encoded, until)
        await record(connection, user.id, "password_changed", NOWHERE)
    await forget_sessions(resources, user.id)
    return user, password


async def _find(resources: Resources, email: str) -> User:
    try:
        found = await repository.find_credentials(resources.direct, email_key(email))
    except ValueError:
        found = None
    if found is None:
        raise NotFound(f"Nobody has the address {email}.")
    return found[0]
