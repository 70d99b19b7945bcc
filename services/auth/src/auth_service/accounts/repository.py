"""Users in Postgres."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.accounts.models import User, closed_accounts, users
from auth_service.direct import Direct, Statement

_COLUMNS = tuple(users.c[name] for name in User.__slots__)
_BY_EMAIL = Statement.of(
    select(*_COLUMNS, users.c.password_hash).where(users.c.email_key == bindparam("key"))
)
_NEXT_VERSION: Mapping[str, Any] = {"ver": users.c.ver + 1, "ver_raised_at": func.now()}


async def insert_user(connection: AsyncConnection, values: Mapping[str, Any]) -> User:
    """A new user. Raises IntegrityError of `users_email_key_key` when the address is taken."""
    result = await connection.execute(insert(users).values(**values).returning(*_COLUMNS))
    return User(**result.mappings().one())


async def find_credentials(direct: Direct, email_key: str) -> tuple[User, str] | None:
    """The user with this address and the hash of the password."""
    for *columns, password_hash in await direct.fetch(_BY_EMAIL, {"key": email_key}):
        return User(*columns), password_hash
    return None


async def replace_hash(connection: AsyncConnection, user_id: UUID, old: str, new: str) -> None:
    """A stronger hash of the same password, unless the password was changed meanwhile."""
    await connection.execute(
        update(users)
        .where(users.c.id == user_id, users.c.password_hash == old)
        .values(password_hash=new)
    )


async def lock_user(connection: AsyncConnection, user_id: UUID) -> User | None:
    """The user, held against other changes until the transaction ends."""
    statement = select(*_COLUMNS).where(users.c.id == user_id).with_for_update()
    row = (await connection.execute(statement)).mappings().one_or_none()
    return User(**row) if row else None


async def hold_user(connection: AsyncConnection, user_id: UUID) -> bool:
    """Whether there is the user, who cannot be changed or deleted until the transaction ends."""
    statement = select(users.c.id).where(users.c.id == user_id).with_for_update(read=True)
    return (await connection.execute(statement)).scalar_one_or_none() is not None


async def update_profile(
    connection: AsyncConnection, user_id: UUID, changes: Mapping[str, Any]
) -> User:
    """The user with `changes` and the next version."""
    statement = (
        update(users)
        .where(users.c.id == user_id)
        .values(**changes, version=users.c.version + 1)
        .returning(*_COLUMNS)
    )
    return User(**(await connection.execute(statement)).mappings().one())


async def raise_version(connection: AsyncConnection, user_id: UUID) -> int:
    """End every token that was issued to the user until now; the auth version that is good.

    0 when the account was closed.
    """
    mine = users.c.id == user_id
    statement = update(users).where(mine).values(**_NEXT_VERSION).returning(users.c.ver)
    return (await connection.execute(statement)).scalar_one_or_none() or 0


async def replace_password(
    connection: AsyncConnection,
    user: User,
    old: str,
    new: str,
) -> bool:
    """Another password, which ends every token; False when either has changed meanwhile."""
    statement = (
        update(users)
        .where(users.c.id == user.id, users.c.password_hash == old, users.c.ver == user.ver)
        .values(password_hash=new, one_time_until=None, **_NEXT_VERSION)
    )
    return (await connection.execute(statement)).rowcount == 1


async def use_once(connection: AsyncConnection, user_id: UUID) -> bool:
    """Use the one-time password up; False when it was used, or its time is over."""
    statement = (
        update(users)
        .where(users.c.id == user_id, users.c.one_time_until > func.now())
        .values(one_time_until=func.now())
    )
    return (await connection.execute(statement)).rowcount == 1


async def set_disabled(connection: AsyncConnection, user_id: UUID, *, disabled: bool) -> None:
    """Disabling ends every token, once; enabling brings none back."""
    same = users.c.disabled_at.is_not(None) if disabled else users.c.disabled_at.is_(None)
    values = {"disabled_at": func.now(), **_NEXT_VERSION} if disabled else {"disabled_at": None}
    await connection.execute(update(users).where(users.c.id == user_id, ~same).values(**values))


async def set_one_time_password(
    connection: AsyncConnection, user_id: UUID, encoded: str, until: datetime
) -> None:
    """A password for one sign-in before `until`, which ends every token."""
    values = {"password_hash": encoded, "one_time_until": until, **_NEXT_VERSION}
    await connection.execute(update(users).where(users.c.id == user_id).values(**values))


async def delete_user(connection: AsyncConnection, user_id: UUID) -> None:
    """The user with all that hangs on the row; the id stays among the closed accounts."""
    gone = await connection.execute(delete(users).where(users.c.id == user_id))
    if gone.rowcount:
        await connection.execute(insert(closed_accounts).values(user_id=user_id))


async def find_hash(connection: AsyncConnection, user: User) -> str | None:
    """The hash of the user's password; None when all tokens of the user were ended since."""
    same = (users.c.id == user.id, users.c.ver == user.ver)
    statement = select(users.c.password_hash).where(*same)
    return (await connection.execute(statement)).scalar_one_or_none()
