"""Reads expenses; every statement names the user, so a stranger's row is simply not found."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import ge, le
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    any_,
    bindparam,
    cast,
    func,
    null,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import BigInteger, Date, Text, Uuid

from expenses_service.changes.epochs import base
from expenses_service.changes.models import rollups, user_state
from expenses_service.currencies.money import minor_units
from expenses_service.currencies.rules import CURRENCIES
from expenses_service.expenses.cursors import Position
from expenses_service.expenses.filters import Filters
from expenses_service.expenses.models import LIVE, Expense, ExternalKey, expenses
from expenses_service.expenses.search import has_words, make_room
from expenses_service.expenses.shown import shown
from expenses_service.expenses.sorting import Sort

_ONE_OF: Final = ("category", "currency", "kind", "merchant", "payment_method")
_BOUNDS: Final = (
    ("first_day", expenses.c.spent_on, ge),
    ("last_day", expenses.c.spent_on, le),
    ("min_amount", expenses.c.amount, ge),
    ("max_amount", expenses.c.amount, le),
    ("updated_since", expenses.c.updated_at, ge),
)
COLUMNS: Final = [expenses.c[name] for name in Expense.__struct_fields__]


async def find(connection: AsyncConnection, user_id: UUID, expense_id: UUID) -> Expense | None:
    """The user's expense of this id, deleted or not."""
    wanted = (expenses.c.id == expense_id) & (expenses.c.user_id == user_id)
    row = (await connection.execute(select(*COLUMNS).where(wanted))).one_or_none()
    return None if row is None else Expense(*row)


def values(user_id: UUID, filters: Filters) -> dict[str, Any]:
    """What the parameters in `conditions` stand for, by name; None does not filter."""
    return {
        "user_id": user_id,
        "first_day": filters.from_,
        "last_day": filters.to,
        "min_amount": _units(filters, filters.min_amount),
        "max_amount": _units(filters, filters.max_amount),
        "updated_since": filters.updated_since,
        "tag": None if filters.tag is None else list(filters.tag),
        **{name: _one_or_several(getattr(filters, name)) for name in _ONE_OF},
    }


def _one_or_several(given: Sequence[str] | None) -> str | list[str] | None:
    """One alone, since only a column that is equal to one leaves an index in its order."""
    if given is None:
        return None
    return given[0] if len(given) == 1 else list(given)


def _is(column: ColumnElement[str], given: str | list[str]) -> ColumnElement[bool]:
    if isinstance(given, str):
        return column == bindparam(column.key, given, Text)
    return column == any_(bindparam(column.key, given, ARRAY(Text)))


def conditions(user_id: UUID, filters: Filters) -> list[ColumnElement[bool]]:
    """What a live expense of the user fulfils to pass `filters`."""
    table = expenses.c
    given = values(user_id, filters)
    wanted = [_own(user_id, filters), LIVE]
    wanted += [_is(table[name], given[name]) for name in _ONE_OF if given[name] is not None]
    wanted += [
        compared(column, bindparam(name, given[name], column.type))
        for name, column, compared in _BOUNDS
        if given[name] is not None
    ]
    if filters.tag is not None:
        tags = bindparam("tag", given["tag"], ARRAY(Text))
        every = filters.tag_mode == "all"
        wanted.append(table.tags.contains(tags) if every else table.tags.overlap(tags))
    return wanted


def _own(user_id: UUID, filters: Filters) -> ColumnElement[bool]:
    if filters.q is not None:
        return has_words(user_id, filters.q)
    return expenses.c.user_id == bindparam("user_id", user_id, Uuid)


def monthly_conditions(user_id: UUID, filters: Filters) -> list[ColumnElement[bool]]:
    """What the monthly sums of the user fulfil to pass `filters`, where these are `monthly`."""
    table = rollups.c
    given = values(user_id, filters)
    wanted = [table.user_id == bindparam("user_id", user_id, Uuid), table.n != 0]
    wanted += [
        compared(table.month, bindparam(name, given[name], Date))
        for name, compared in (("first_day", ge), ("last_day", le))
        if given[name] is not None
    ]
    wanted += [
        _is(table[name], given[name])
        for name in ("category", "currency", "kind")
        if given[name] is not None
    ]
    return wanted


def _units(filters: Filters, amount: Decimal | None) -> int | None:
    """A bound in minor units; the filters have one currency when they have a bound."""
    if amount is None or filters.currency is None:
        return None
    return minor_units(amount, CURRENCIES[filters.currency[0]])


@dataclass(frozen=True, slots=True)
class Slice:
    """Up to `limit` rows of an order, after a position; `total`: count all that pass as well."""

    sort: Sort
    after: Position | None
    limit: int
    total: bool = False


def slice_values(part: Slice) -> dict[str, Any]:
    """What the other parameters in `page_statement` stand for, by name."""
    after = part.after
    key, identifier = (None, None) if after is None else (part.sort.from_key(after.key), after.id)
    return {"limit": part.limit, "after_key": key, "after_id": identifier}


class Page(NamedTuple):
    """The data version, the total if it was asked for, and the expenses as clients see them.

    All of it is of one snapshot; an expense is JSON.
    """

    version: int
    total: int | None
    items: Sequence[str]


async def page(connection: AsyncConnection, user_id: UUID, filters: Filters, part: Slice) -> Page:
    """A slice of the user's live expenses that pass `filters`."""
    if filters.q is not None:
        await make_room(connection)
    found = (await connection.execute(page_statement(user_id, filters, part))).one()
    return Page(*found)


def page_statement(user_id: UUID, filters: Filters, part: Slice) -> Select[tuple[Any, ...]]:
    """One row: what a `Page` is made of."""
    wanted = conditions(user_id, filters)
    if part.after is not None:
        wanted.append(_beyond(part.sort, part.after))
    items = (
        select(shown())
        .where(*wanted)
        .order_by(*_order(expenses, part.sort))
        .limit(bindparam("limit", part.limit, BigInteger))
        .scalar_subquery()
    )
    version = func.coalesce(func.max(user_state.c.seq + base()), 0).label("data_version")
    total = _total(user_id, filters) if part.total else null()
    mine = user_state.c.user_id == bindparam("user_id", user_id, Uuid)
    listed = func.array(items, type_=ARRAY(Text)).label("items")
    return select(version, total.label("total"), listed).where(mine)


def _total(user_id: UUID, filters: Filters) -> ColumnElement[int]:
    """From the monthly sums where they tell it: those do not grow with the number of expenses."""
    if filters.monthly():
        counted = select(cast(func.coalesce(func.sum(rollups.c.n), 0), BigInteger))  # of NUMERIC
        return counted.where(*monthly_conditions(user_id, filters)).scalar_subquery()
    counted = select(func.count()).select_from(expenses)
    return counted.where(*conditions(user_id, filters)).scalar_subquery()


def _beyond(sort: Sort, position: Position) -> ColumnElement[bool]:
    here = tuple_(expenses.c[sort.column], expenses.c.id)
    key = bindparam("after_key", sort.from_key(position.key), expenses.c[sort.column].type)
    there = tuple_(key, bindparam("after_id", position.id, Uuid))
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
