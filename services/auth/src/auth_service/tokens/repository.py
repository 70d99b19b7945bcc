"""Personal access tokens in Postgres."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.accounts.models import User, users
from auth_service.tokens.models import PersonalToken, Standing, personal_access_tokens

USED_EVERY: Final = timedelta(minutes=1)  # a token in constant use costs one write a minute

_COLUMNS: Final = tuple(personal_access_tokens.c[name] for name in PersonalToken.__slots__)
_OF_USER: Final = tuple(users.c[name].label(f"owner_{name}") for name in User.__slots__)


async def insert_token(connection: AsyncConnection, values: Mapping[str, Any]) -> PersonalToken:
    """A new token."""
    statement = insert(personal_access_tokens).values(**values).returning(*_COLUMNS)
    return PersonalToken(**(await connection.execute(statement)).mappings().one())


async def live_tokens(connection: AsyncConnection, user_id: UUID) -> Sequence[PersonalToken]:
    """The user's tokens that are not revoked, expired ones too, the latest first."""
    table = personal_access_tokens.c
    statement = (
        select(*_COLUMNS)
        .where(table.user_id == user_id, table.revoked_at.is_(None))
        .order_by(table.id.desc())
    )
    return [PersonalToken(**row) for row in (await connection.execute(statement)).mappings()]


async def count_live(connection: AsyncConnection, user_id: UUID) -> int:
    """How many tokens of the user are not revoked."""
    table = personal_access_tokens.c
    statement = select(func.count()).where(table.user_id == user_id, table.revoked_at.is_(None))
    return int((await connection.execute(statement)).scalar_one())


async def wait_to_make(connection: AsyncConnection, user_id: UUID, most: int, span: int) -> int:
    """Seconds until there are fewer than `most` that the user made within `span` seconds."""
    table = personal_access_tokens.c
    left = func.extract("epoch", table.created_at + timedelta(seconds=span) - func.now())
    statement = (
        select(func.ceil(left))
        .where(table.user_id == user_id)
        .order_by(table.id.desc())
        .offset(most - 1)
        .limit(1)
    )
    return max(0, int((await connection.execute(statement)).scalar_one_or_none() or 0))


async def revoke_token(connection: AsyncConnection, user_id: UUID, token_id: UUID) -> bool:
    """End the user's token; False when there is none, or it has ended."""
    table = personal_access_tokens.c
    statement = (
        update(personal_access_tokens)
        .where(table.id == token_id, table.user_id == user_id, table.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )
    return (await connection.execute(statement)).rowcount == 1


async def find_standing(connection: AsyncConnection, token_id: UUID) -> Standing | None:
    """The token with this id and its user."""
    table = personal_access_tokens.c
    statement = (
        select(*_COLUMNS, table.secret_sha256, *_OF_USER)
        .join(users, users.c.id == table.user_id)
        .where(table.id == token_id)
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    token = PersonalToken(**{name: row[name] for name in PersonalToken.__slots__})
    user = User(**{name: row[f"owner_{name}"] for name in User.__slots__})
    return Standing(token, row["secret_sha256"], user)


async def mark_used(connection: AsyncConnection, token_id: UUID, at: datetime) -> None:
    """Remember that the token was used, to the minute."""
    table = personal_access_tokens.c
    stale = table.last_used_at < at - USED_EVERY
    statement = (
        update(personal_access_tokens)
        .where(table.id == token_id, or_(table.last_used_at.is_(None), stale))
        .values(last_used_at=at)
    )
    await connection.execute(statement)
