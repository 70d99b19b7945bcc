"""Reads expenses; every statement names the user, so a stranger's row is simply not found."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, literal, select, true, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from expenses_service.changes.models import user_state
from expenses_service.expenses.cursors import Position
from expenses_service.expenses.filters import Filters
from expenses_service.expenses.models import Expense, expenses
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


async def page(
    connection: AsyncConnection,
    user_id: UUID,
    filters: Filters,
    sort: Sort,
    after: Position | None,
    limit: int,
) -> tuple[int, list[Expense]]:
    """The data version and up to `limit` expenses after a position, from one snapshot."""
    statement = _page(user_id, filters, sort, after, limit)
    rows = (await connection.execute(statement)).all()
    return rows[0].data_version, [Expense(*row[1:]) for row in rows if row.id is not None]


def _page(
    user_id: UUID, filters: Filters, sort: Sort, after: Position | None, limit: int
) -> Select[tuple[Any, ...]]:
    """One row at least: an empty page still carries the version, with nulls beside it."""
    column = expenses.c[sort.column]
    wanted = conditions(user_id, filters)
    if after is not None:
        here, there = tuple_(column, expenses.c.id), tuple_(sort.from_key(after.key), after.id)
        wanted.append(here < there if sort.descending else here > there)
    rows = select(*COLUMNS).where(*wanted).order_by(*_order(expenses, sort)).limit(limit).subquery()
    state = select(func.coalesce(func.max(user_state.c.seq), 0).label("data_version")).where(
        user_state.c.user_id == user_id
    )
    joined = state.subquery().outerjoin(rows, true())
    return select(*joined.c).select_from(joined).order_by(*_order(rows, sort))


def _order(source: Any, sort: Sort) -> list[ColumnElement[Any]]:
    columns = (source.c[sort.column], source.c.id)
    return [column.desc() if sort.descending else column.asc() for column in columns]
