"""Revoked sessions in Postgres."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.revocations.models import revoked_sessions


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


async def is_revoked(connection: AsyncConnection, session_id: UUID) -> bool:
    """Whether the session was ended for good."""
    statement = select(exists().where(revoked_sessions.c.session_id == session_id))
    return bool((await connection.execute(statement)).scalar_one())
