"""Revocations in Postgres: single sessions and tokens by id, all of a user's by version."""

import json
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.accounts.models import User, users
from auth_service.direct import Direct, Statement
from auth_service.revocations.models import Revocations, revoked_sessions

# One statement, so that the instant and both parts of the list are of one snapshot. A closed
# account has no version: every one is below the greatest.
_LISTED = Statement(
    """
    SELECT extract(epoch FROM now())::bigint AS at,
      (SELECT coalesce(array_agg(session_id ORDER BY session_id), '{}') FROM revoked_sessions
       WHERE revoked_at > now() - make_interval(secs => $1)) AS sids,
      (SELECT coalesce(json_object_agg(id, ver), '{}') FROM (
         SELECT id, ver FROM users
         WHERE ver_raised_at > now() - make_interval(secs => $1)
         UNION ALL
         SELECT user_id, 2147483647 FROM closed_accounts
         WHERE closed_at > now() - make_interval(secs => $1)
         ORDER BY id
       ) AS raised) AS min_ver
""",
    ("kept",),
)
_STANDING = Statement.of(
    select(*(users.c[name] for name in User.__slots__)).where(
        users.c.id == bindparam("user_id"),
        users.c.disabled_at.is_(None),
        ~exists().where(revoked_sessions.c.session_id == bindparam("session_id")),
    )
)


async def revoke(
    connection: AsyncConnection, session_id: UUID, user_id: UUID, expires_at: datetime
) -> bool:
    """End a session for good; False when it was revoked before."""
    statement = (
        insert(revoked_sessions)
        .values(session_id=session_id, user_id=user_id, expires_at=expires_at)
        .on_conflict_do_nothing(index_elements=["session_id"])
    )
    return (await connection.execute(statement)).rowcount == 1


async def find_standing(direct: Direct, session_id: UUID, user_id: UUID) -> User | None:
    """The user, unless the session, or the account, has been ended."""
    values = {"session_id": session_id, "user_id": user_id}
    return next((User(*row) for row in await direct.fetch(_STANDING, values)), None)


async def is_revoked(connection: AsyncConnection, session_id: UUID) -> bool:
    """Whether the session was ended for good."""
    statement = select(exists().where(revoked_sessions.c.session_id == session_id))
    return bool((await connection.execute(statement)).scalar_one())


async def revoked_among(connection: AsyncConnection, sessions: Collection[UUID]) -> set[UUID]:
    """Those of `sessions` that were ended for good."""
    column = revoked_sessions.c.session_id
    result = await connection.execute(select(column).where(column.in_(sessions)))
    return set(result.scalars())


async def listed(direct: Direct, kept_seconds: float) -> Revocations:
    """What was revoked in the last `kept_seconds`, and the instant by Postgres's clock."""
    (row,) = await direct.fetch(_LISTED, {"kept": kept_seconds})
    return Revocations(row["at"], tuple(map(str, row["sids"])), json.loads(row["min_ver"]))
