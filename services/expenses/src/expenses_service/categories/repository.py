"""Reads a user's own category rows."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.categories.models import categories
from expenses_service.categories.rules import Category, open_among


async def own_categories(connection: AsyncConnection, user_id: UUID) -> list[Category]:
    """Every row of the user, the deleted ones too."""
    return await _fetch(connection, _rows_of(user_id))


async def open_slugs(
    connection: AsyncConnection, user_id: UUID, slugs: Collection[str]
) -> frozenset[str]:
    """Those of `slugs` that take new expenses of this user.

    To be asked within the writing transaction, after the user's row was locked: whoever changes
    categories takes the same lock, so the answer holds until the commit.
    """
    rows = await _fetch(connection, _rows_of(user_id).where(categories.c.slug.in_(sorted(slugs))))
    return open_among(slugs, rows)


def _rows_of(user_id: UUID) -> Select[tuple[str, str, bool, int, bool]]:
    table = categories.c
    return select(table.slug, table.name, table.archived, table.version, table.deleted).where(
        table.user_id == user_id
    )


async def _fetch(
    connection: AsyncConnection, query: Select[tuple[str, str, bool, int, bool]]
) -> list[Category]:
    rows = await connection.execute(query)
    return [Category(row.slug, row.name, row.archived, row.version, row.deleted) for row in rows]
