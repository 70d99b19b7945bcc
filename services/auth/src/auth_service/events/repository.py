"""Security events in Postgres."""

from uuid import UUID

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.events.models import Client, EventType, security_events


async def record(
    connection: AsyncConnection,
    user_id: UUID,
    kind: EventType,
    client: Client,
    session_id: UUID | None = None,
) -> None:
    """Append one event, in the transaction of what it tells of."""
    await connection.execute(
        insert(security_events).values(
            user_id=user_id,
            type=kind,
            ip=client.ip,
            user_agent=client.user_agent,
            session_id=session_id,
        )
    )


async def forget(connection: AsyncConnection, user_id: UUID) -> None:
    """Delete what is known of a user whose account is closed."""
    await connection.execute(delete(security_events).where(security_events.c.user_id == user_id))
