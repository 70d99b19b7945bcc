"""Reads expenses; every statement names the user, so a stranger's row is simply not found."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Select, func, literal, select, true, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from expenses_service.changes.models import user_state
from expenses_service.expenses.cursors import Position
from expenses_service.expenses.filters import Filters
from expenses_service.expenses.models import Expense, ExternalKey, expenses
from expenses_service.expenses.sorting import Sort

COLUMNS: Final = [expenses.c[name] for name in Expense.__struct_fields__]


async def find(connection: AsyncConnection, user_id: UUID, expense_id: UUID) -> Expense | None:
    """The user's expense of this id, deleted or not."""
    wanted = (expenses.c.id == expense_id) & (expenses.c.user_id == user_id)
    row = (await connection.execute(select(*COLUMNS).where(wanted))).one_or_none()
    return None if row is None else Expense(*row)


def conditions(user_id: UUID, filters: Filters) -> list[ColumnElement[bool]]:
    """What a live expense of the user fulfils to pass `filters`."""
    table = expenses.c
    wanted: list[ColumnElement[bool]] = [table.user_id == user_id, table.deleted_at.is_(None)]
    if filters.from_ is not None:
        wanted.append(table.spent_on >= filters.from_)
    if filters.to is not None:
        wanted.append(table.spent_on <= filters.to)
    if filters.category is not None:
        wanted.append(table.category.in_(filters.category))
    if filters.tag is not None:
        wanted.append(table.tags.overlap(literal(list(filters.tag), ARRAY(Text))))
    if filters.currency is not None:
        wanted.append(table.currency.in_(filters.currency))
    if filters.kind is not None:
        wanted.append(table.kind.in_(filters.kind))
    return wanted


@dataclass(frozen=True, slots=True)
class Slice:
    """Up to `limit` rows of an order, after a position."""

    sort: Sort
    after: Position | None
    limit: int


async def page(
    connection: AsyncConnection, user_id: UUID, filters: Filters, wanted: Slice
) -> tuple[int, list[Expense]]:
    """The data version and a slice of the user's live expenses, from one snapshot."""
    statement = page_statement(user_id, filters, wanted)
    rows = (await connection.execute(statement)).all()
    return rows[0].data_version, [Expense(*row[1:]) for row in rows if row.id is not None]


def page_statement(user_id: UUID, filters: Filters, part: Slice) -> Select[tuple[Any, ...]]:
    """One row at least: an empty page still carries the version, with nulls beside it."""
    wanted = conditions(user_id, filters)
    if part.after is not None:
        wanted.append(_beyond(part.sort, part.after))
    rows = (
        select(*COLUMNS)
        .where(*wanted)
        .order_by(*_order(expenses, part.sort))
        .limit(part.limit)
        .subquery()
    )
    version = func.coalesce(func.max(user_state.c.seq), 0).label("data_version")
    state = select(version).where(user_state.c.user_id == user_id).subquery()
    joined = state.outerjoin(rows, true())
    return select(*joined.c).select_from(joined).order_by(*_order(rows, part.sort))


def _beyond(sort: Sort, position: Position) -> ColumnElement[bool]:
    here = tuple_(expenses.c[sort.column], expenses.c.id)
    there = tuple_(sort.from_key(position.key), position.id)
    return here < there if sort.descending else here > there


def _order(source: FromClause, sort: Sort) -> list[ColumnElement[Any]]:
    columns = (source.c[sort.column], source.c.id)
    return [column.desc() if sort.descending else column.asc() for column in columns]


async def find_external(
    connection: AsyncConnection, user_id: UUID, key: ExternalKey
) -> Expense | None:
    """The user's expense of this external id, deleted or not."""
    table = expenses.c
    same = (table.source == key.source) & (table.external_id == key.external_id)
    wanted = select(*COLUMNS).where(table.user_id == user_id, same)
    row = (await connection.execute(wanted)).one_or_none()
    return None if row is None else Expense(*row)
