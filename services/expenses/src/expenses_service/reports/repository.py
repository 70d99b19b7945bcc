"""Sums over rollups or over rows: the same facts from either, summed by the same statement."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    Row,
    Select,
    Subquery,
    case,
    cast,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.changes.models import rollups, user_state
from expenses_service.expenses.filters import Filters
from expenses_service.expenses.models import expenses
from expenses_service.expenses.repository import conditions, monthly_conditions
from expenses_service.reports.models import GroupKey, Line, Summary

_GROUP: Final = 0b00
_TOTAL: Final = 0b10  # GROUPING(first key, currency): a 1 for each that is summed over


async def summarise(
    connection: AsyncConnection,
    user_id: UUID,
    group_by: Sequence[GroupKey],
    filters: Filters,
    *,
    from_rollups: bool,
) -> Summary:
    """Groups, totals and data version, in one statement and so in one snapshot.

    Both ways give the same summary where the filters are `monthly`; sums are NUMERIC.
    """
    facts = _monthly_facts(user_id, filters) if from_rollups else _facts(user_id, filters)
    rows = (await connection.execute(_summary(user_id, group_by, facts))).all()
    return Summary(
        version=rows[0].version,
        groups=[_line(row, len(group_by)) for row in rows if row.level == _GROUP],
        totals=[_line(row, 0) for row in rows if row.level == _TOTAL],
    )


def _summary(
    user_id: UUID, group_by: Sequence[GroupKey], facts: Subquery
) -> Select[tuple[Any, ...]]:
    """One row a group, one a currency and one over all, which is there even without any fact."""
    keys = [facts.c[key.value] for key in group_by]
    currency = facts.c.currency
    version = select(user_state.c.seq).where(user_state.c.user_id == user_id).scalar_subquery()
    return select(
        *keys,
        currency,
        func.sum(facts.c.total).label("total"),
        func.sum(facts.c.n).label("n"),
        func.grouping(keys[0], currency).label("level"),
        func.coalesce(version, 0).label("version"),
    ).group_by(func.grouping_sets(tuple_(*keys, currency), tuple_(currency), tuple_()))


def _facts(user_id: UUID, filters: Filters) -> Subquery:
    table = expenses.c
    month = cast(func.date_trunc("month", table.spent_on), Date)
    return (
        select(
            table.category,
            month.label(GroupKey.MONTH),
            table.currency,
            literal(1).label("n"),
            _signed(table.kind, table.amount).label("total"),
        )
        .where(*conditions(user_id, filters))
        .subquery()
    )


def _monthly_facts(user_id: UUID, filters: Filters) -> Subquery:
    table = rollups.c
    signed = _signed(table.kind, table.total).label("total")
    return (
        select(table.category, table.month, table.currency, table.n, signed)
        .where(*monthly_conditions(user_id, filters))
        .subquery()
    )


def _signed(kind: ColumnElement[str], amount: ColumnElement[Any]) -> ColumnElement[Any]:
    """A refund subtracts."""
    return case((kind == "refund", -amount), else_=amount)


def _line(row: Row[Any], keys: int) -> Line:
    return Line(tuple(map(_text, row[:keys])), row.currency, int(row.total), int(row.n))


def _text(value: str | date) -> str:
    return value.isoformat()[:7] if isinstance(value, date) else str(value)
