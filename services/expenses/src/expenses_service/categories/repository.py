"""Reads and writes a user's own category rows."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.categories.models import categories
from expenses_service.categories.rules import USUAL, Category, open_among
from expenses_service.changes.models import rollups


async def own_categories(connection: AsyncConnection, user_id: UUID) -> list[Category]:
    """Every row of the user, the deleted ones too."""
    return await _fetch(connection, _rows_of(user_id))


async def find(connection: AsyncConnection, user_id: UUID, slug: str) -> Category | None:
    """The user's category of this slug, deleted or not; one of the usual set is always there."""
    rows = await _fetch(connection, _rows_of(user_id).where(categories.c.slug == slug))
    return rows[0] if rows else USUAL.get(slug)


async def count_own(connection: AsyncConnection, user_id: UUID) -> int:
    """How many categories the user has made, the deleted ones too."""
    table = categories.c
    made = (table.user_id == user_id) & table.slug.not_in(sorted(USUAL))
    mine = select(func.count()).select_from(categories).where(made)
    return (await connection.execute(mine)).scalar_one()


async def open_slugs(
    connection: AsyncConnection, user_id: UUID, slugs: Collection[str]
) -> frozenset[str]:
    """Those of `slugs` that take new expenses of this user.

    To be asked within the writing transaction, after the user's row was locked: whoever changes
    categories takes the same lock, so the answer holds until the commit.
    """
    rows = await _fetch(connection, _rows_of(user_id).where(categories.c.slug.in_(sorted(slugs))))
    return open_among(slugs, rows)


async def save(
    connection: AsyncConnection, user_id: UUID, category: Category, now: datetime
) -> None:
    """Write `category` as the user's row of its slug; the caller holds the user's lock.

    A trigger counts it in `category_changes`: who writes an expense without the lock looks there.
    """
    row = {
        "name": category.name,
        "archived": category.archived,
        "deleted": category.deleted,
        "version": category.version,
        "updated_at": now,
    }
    key = {"user_id": user_id, "slug": category.slug, "created_at": now}
    statement = insert(categories).values(**key, **row)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["user_id", "slug"], set_=row)
    )


async def in_use(connection: AsyncConnection, user_id: UUID, slug: str) -> bool:
    """Whether a live expense of the user is in it; the rollups know without counting."""
    table = rollups.c
    used = (table.user_id == user_id) & (table.category == slug) & (table.n != 0)
    return bool(await connection.scalar(select(exists().where(used))))


def _rows_of(user_id: UUID) -> Select[Any]:
    table = categories.c
    return select(table.slug, table.name, table.archived, table.version, table.deleted).where(
        table.user_id == user_id
    )


async def _fetch(connection: AsyncConnection, query: Select[Any]) -> list[Category]:
    return [Category(*row) for row in await connection.execute(query)]
