"""Sums over rollups or over rows: the same facts from either, summed by the same statement."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Row,
    Select,
    Subquery,
    case,
    cast,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.changes.epochs import base
from expenses_service.changes.models import rollups, user_state
from expenses_service.expenses.filters import Filters
from expenses_service.expenses.models import expenses
from expenses_service.expenses.repository import conditions, monthly_conditions
from expenses_service.expenses.search import make_room
from expenses_service.reports.models import GroupKey, Line, Summary
from expenses_service.reports.rules import MAX_GROUPS, PERIODS, period_text, too_many_groups

_GROUP: Final = 0b00
_TOTAL: Final = 0b10  # GROUPING(first key, currency): a 1 for each that is summed over
_MAX_TOTALS: Final = 500  # more than there are currencies, and one over all


async def summarise(
    connection: AsyncConnection,
    user_id: UUID,
    group_by: Sequence[GroupKey],
    filters: Filters,
    *,
    from_rollups: bool,
) -> Summary:
    """Groups, totals and data version, in one statement and so in one snapshot.

    Both ways give the same summary where filters and keys are monthly; sums are NUMERIC. Raises
    ValidationFailed: too_many_groups.
    """
    if filters.q is not None:
        await make_room(connection)
    facts = (_monthly_facts if from_rollups else _facts)(user_id, group_by, filters)
    rows = (await connection.execute(_summary(user_id, group_by, facts))).all()
    groups = [row for row in rows if row.level == _GROUP]
    if len(groups) > MAX_GROUPS:
        raise too_many_groups("group_by", MAX_GROUPS)
    return Summary(
        version=rows[0].version,
        groups=[
            Line(_values(row, group_by), row.currency, int(row.total), int(row.n)) for row in groups
        ],
        totals=[
            Line((), row.currency, int(row.total_once), int(row.n_once))
            for row in rows
            if row.level == _TOTAL
        ],
    )


def _summary(
    user_id: UUID, group_by: Sequence[GroupKey], facts: Subquery
) -> Select[tuple[Any, ...]]:
    """One row a group, one a currency and one over all, which is there even without any fact."""
    keys = [facts.c[key.value] for key in group_by]
    currency = facts.c.currency
    seq = select(user_state.c.seq + base())
    version = seq.where(user_state.c.user_id == user_id).scalar_subquery()
    sums = {"total": func.sum(facts.c.total), "n": func.sum(facts.c.n)}
    return (
        select(
            *keys,
            currency,
            *(total.label(name) for name, total in sums.items()),
            *(total.filter(facts.c.once).label(f"{name}_once") for name, total in sums.items()),
            func.grouping(keys[0], currency).label("level"),
            func.coalesce(version, 0).label("version"),
        )
        .group_by(func.grouping_sets(tuple_(*keys, currency), tuple_(currency), tuple_()))
        .limit(MAX_GROUPS + _MAX_TOTALS)
    )


def _facts(user_id: UUID, group_by: Sequence[GroupKey], filters: Filters) -> Subquery:
    """An expense is one fact, but one for each of its tags where these are asked for.

    `once` is true for one of them, so that totals count each expense once.
    """
    table = expenses.c
    source: FromClause = expenses
    once: ColumnElement[bool] = true()
    columns: dict[GroupKey, ColumnElement[Any]] = {
        GroupKey.CATEGORY: table.category,
        GroupKey.MERCHANT: table.merchant,
        GroupKey.PAYMENT_METHOD: table.payment_method,
        GroupKey.KIND: table.kind,
        **{key: _begin(key, table.spent_on) for key in PERIODS},
    }
    if GroupKey.TAG in group_by:
        each = func.unnest(table.tags).table_valued("tag", with_ordinality="place").render_derived()
        source = expenses.outerjoin(each, true())
        columns[GroupKey.TAG] = each.c.tag
        once = func.coalesce(each.c.place, 1) == 1
    return (
        select(
            *(columns[key].label(key.value) for key in group_by),
            table.currency,
            literal(1).label("n"),
            _signed(table.kind, table.amount).label("total"),
            once.label("once"),
        )
        .select_from(source)
        .where(*conditions(user_id, filters))
        .subquery()
    )


def _monthly_facts(user_id: UUID, group_by: Sequence[GroupKey], filters: Filters) -> Subquery:
    table = rollups.c
    columns: dict[GroupKey, ColumnElement[Any]] = {
        GroupKey.CATEGORY: table.category,
        GroupKey.KIND: table.kind,
        GroupKey.MONTH: table.month,
        GroupKey.YEAR: _begin(GroupKey.YEAR, table.month),
    }
    return (
        select(
            *(columns[key].label(key.value) for key in group_by),
            table.currency,
            table.n,
            _signed(table.kind, table.total).label("total"),
            true().label("once"),
        )
        .where(*monthly_conditions(user_id, filters))
        .subquery()
    )


def _begin(period: GroupKey, day: ColumnElement[date]) -> ColumnElement[date]:
    """The first day of the period; a time without zone, which no setting of the server shifts."""
    return cast(func.date_trunc(period.value, cast(day, DateTime)), Date)


def _signed(kind: ColumnElement[str], amount: ColumnElement[Any]) -> ColumnElement[Any]:
    """A refund subtracts."""
    return case((kind == "refund", -amount), else_=amount)


def _values(row: Row[Any], group_by: Sequence[GroupKey]) -> tuple[str | None, ...]:
    return tuple(
        period_text(key, value) if isinstance(value, date) else value
        for key, value in zip(group_by, row, strict=False)
    )
