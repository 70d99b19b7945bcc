"""Security events in Postgres."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, delete, func, insert, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.direct import Direct, Statement
from auth_service.events.models import Client, Event, EventType, security_events

_COLUMNS = ("user_id", "type", "ip", "user_agent", "session_id")
_RECORD = insert(security_events)
_ALONE = Statement.of(_RECORD.values({name: bindparam(name) for name in _COLUMNS}))


async def record(
    connection: AsyncConnection,
    user_id: UUID,
    kind: EventType,
    client: Client,
    session_id: UUID | None = None,
) -> None:
    """Append one event, in the transaction of what it tells of."""
    await connection.execute(_RECORD, _values(user_id, kind, client, session_id))


async def record_alone(
    direct: Direct,
    user_id: UUID,
    kind: EventType,
    client: Client,
    session_id: UUID | None = None,
) -> None:
    """Append one event that tells of nothing else in Postgres."""
    await direct.fetch(_ALONE, _values(user_id, kind, client, session_id))


def _values(
    user_id: UUID, kind: EventType, client: Client, session_id: UUID | None
) -> dict[str, object]:
    values = (user_id, kind, client.ip, client.user_agent, session_id)
    return dict(zip(_COLUMNS, values, strict=True))


async def forget(connection: AsyncConnection, user_id: UUID) -> None:
    """Delete what is known of a user whose account is closed."""
    await connection.execute(delete(security_events).where(security_events.c.user_id == user_id))


async def page(
    connection: AsyncConnection, user_id: UUID, before: UUID | None, limit: int
) -> Sequence[Event]:
    """The latest `limit` events of the user that are older than `before`."""
    result = await connection.execute(page_statement(user_id, before, limit))
    return [Event(**row) for row in result.mappings()]


async def page_and_total(
    connection: AsyncConnection, user_id: UUID, before: UUID | None, limit: int
) -> tuple[Sequence[Event], int]:
    """The same, and how many events the user has in all, by one snapshot."""
    rows = page_statement(user_id, before, limit).subquery()
    count = select(func.count().label("total")).where(security_events.c.user_id == user_id)
    total = count.subquery()
    statement = (
        select(total.c.total, *rows.c)
        .select_from(total.outerjoin(rows, true()))  # a total even when the page is empty
        .order_by(rows.c.id.desc())
    )
    found = (await connection.execute(statement)).mappings().all()
    events = [Event(**{name: row[name] for name in Event.__slots__}) for row in found if row["id"]]
    return events, found[0]["total"]


def page_statement(user_id: UUID, before: UUID | None, limit: int) -> Select[Any]:
    """By keyset: a page reads its own rows from the index, however far behind it is."""
    table = security_events.c
    columns = [table[name] for name in Event.__slots__]
    statement = select(*columns).where(table.user_id == user_id).order_by(table.id.desc())
    if before is not None:
        statement = statement.where(table.id < before)
    return statement.limit(limit)
