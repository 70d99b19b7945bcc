"""Reads at once all that the operations of a request can touch."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, Text, Uuid, any_, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.expenses.models import Expense, ExternalKey, expenses
from expenses_service.expenses.repository import COLUMNS


async def find_all(
    connection: AsyncConnection, user_id: UUID, ids: Collection[UUID]
) -> list[Expense]:
    """The user's expenses of these ids, deleted or not."""
    wanted = expenses.c.id == any_(_array(ids))
    rows = await connection.execute(select(*COLUMNS).where(expenses.c.user_id == user_id, wanted))
    return [Expense(*row) for row in rows]


async def metadata_bytes(connection: AsyncConnection, user_id: UUID, ids: Collection[UUID]) -> int:
    """How much metadata they have, as text: the one field of which many do not fit into memory."""
    table = expenses.c
    size = func.coalesce(func.sum(func.octet_length(cast(table.metadata, Text))), 0)
    mine = select(size).where(table.user_id == user_id, table.id == any_(_array(ids)))
    return int(await connection.scalar(mine) or 0)


async def holders(
    connection: AsyncConnection,
    user_id: UUID,
    sources: Collection[str],
    external_ids: Collection[str],
) -> dict[ExternalKey, UUID]:
    """Who has one of these sources with one of these external ids, deleted or not."""
    table = expenses.c
    statement = select(table.source, table.external_id, table.id).where(
        table.user_id == user_id,
        table.source == any_(literal(list(sources), ARRAY(Text))),
        table.external_id == any_(literal(list(external_ids), ARRAY(Text))),
    )
    rows = await connection.execute(statement)
    return {ExternalKey(row.source, row.external_id): row.id for row in rows}


def _array(ids: Collection[UUID]) -> BindParameter[Any]:
    return literal(list(ids), ARRAY(Uuid))
