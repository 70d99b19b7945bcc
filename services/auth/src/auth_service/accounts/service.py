"""Register, and read and change one's own profile."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from auth_service.accounts import repository
from auth_service.accounts.errors import EmailTaken, WeakPassword
from auth_service.accounts.models import EMAIL_TAKEN, User
from auth_service.accounts.rules import email_key, is_weak
from auth_service.accounts.schemas import Registration
from auth_service.database import constraint_name
from auth_service.errors import FieldError, VersionConflict
from auth_service.etag import opaque_etag
from auth_service.events.models import Client
from auth_service.events.repository import record
from auth_service.resources import Resources
from auth_service.sessions.errors import SessionRevoked
from auth_service.throttles.models import Visitor

REPRESENTATION = 1  # raised by a release that changes the bytes of a user


def etag_of(user: User) -> str:
    """Of the profile: after a restored backup its version can come again with other content."""
    content = repr((user.name, user.time_zone))
    return opaque_etag("me", REPRESENTATION, user.id, user.version, content)


async def register(
    resources: Resources, form: Registration, client: Client, visitor: Visitor
) -> User:
    """A new account; nobody is signed in by it.

    Raises:
        WeakPassword: easy to guess.
        EmailTaken: another account has the address, in whatever spelling.
        TooManyAttempts: too many accounts from this address.
        Busy, SessionsUnavailable: not now.

    """
    await resources.throttle.register(visitor)
    whose = visitor.network
    await refuse_weak(resources, form.password, form.email, "/password", whose)
    values = {
        "email": form.email,
        "email_key": email_key(form.email),
        "name": form.name,
        "time_zone": form.time_zone,
        "password_hash": await resources.passwords.hash(form.password, whose),
    }
    try:
        async with resources.database.transaction() as connection:
            user = await repository.insert_user(connection, values)
            await record(connection, user.id, "registered", client)
    except IntegrityError as error:
        if constraint_name(error) != EMAIL_TAKEN:
            raise
        field = FieldError("email_taken", "has an account already", pointer="/email")
        raise EmailTaken(errors=[field]) from None
    return user


async def refuse_weak(
    resources: Resources, password: str, email: str, pointer: str, whose: str
) -> None:
    """Raises WeakPassword, which blames the field at `pointer`; Busy."""
    if await resources.passwords.run(lambda: is_weak(password, email), whose):
        field = FieldError("weak_password", "is easy to guess", pointer=pointer)
        raise WeakPassword(errors=[field])


async def change_profile(
    resources: Resources,
    user_id: UUID,
    changes: Mapping[str, Any],
    expected: Collection[str] | None,
) -> User:
    """The profile with `changes`; the same version when they change nothing.

    `expected` are the entity tags of If-Match, None when there is no condition.

    Raises:
        VersionConflict: the profile has none of the expected tags.
        SessionRevoked: the account was closed meanwhile, and with it the session that asks.

    """
    async with resources.database.transaction() as connection:
        user = await repository.lock_user(connection, user_id)
        if user is None:
            raise SessionRevoked
        if expected is not None and etag_of(user) not in expected:
            raise VersionConflict
        new = {name: value for name, value in changes.items() if getattr(user, name) != value}
        return await repository.update_profile(connection, user_id, new) if new else user
