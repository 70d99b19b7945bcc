"""Summaries from rollups, from rows and by hand, over random expenses, changes and filters."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID, uuid4

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expenses_service.changes.models import Change
from expenses_service.changes.repository import data_version, lock_user, update_expenses
from expenses_service.database import Database
from expenses_service.expenses.models import Expense
from expenses_service.reports.models import GroupKey, Line, Summary
from expenses_service.reports.repository import summarise
from expenses_service.reports.rules import in_order
from expenses_service.reports.schemas import SummaryQuery
from tests.records import expense, record

CATEGORIES = ["food", "travel", "work"]
CURRENCIES = ["EUR", "JPY", "KWD"]
KINDS = ["expense", "refund"]
TAGS = ["a", "b", "c"]

days = st.dates(date(2025, 11, 1), date(2026, 3, 31))
amounts = st.integers(1, 999_999_999_999_999)


@dataclass(frozen=True)
class Step:
    """A new expense and what later becomes of it."""

    row: Expense
    then: str
    moved: Expense


def rows() -> st.SearchStrategy[Expense]:
    return st.builds(
        expense,
        amounts,
        st.sampled_from(CURRENCIES),
        days,
        st.sampled_from(CATEGORIES),
        kind=st.sampled_from(KINDS),
        tags=st.lists(st.sampled_from(TAGS), unique=True),
    )


steps = st.lists(
    st.builds(Step, rows(), st.sampled_from(["stay", "change", "delete"]), rows()), max_size=25
)


def some(values: Sequence[str]) -> st.SearchStrategy[str | None]:
    several = st.lists(st.sampled_from(values), min_size=1, unique=True).map(",".join)
    return st.none() | several


def month_end(first: date) -> date:
    return (first.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def queries(*, monthly: bool) -> st.SearchStrategy[SummaryQuery]:
    firsts, lasts = days, days
    if monthly:
        firsts, lasts = days.map(lambda day: day.replace(day=1)), days.map(month_end)
    wanted = {
        "group_by": st.sampled_from(["category", "month", "category,month", "month,category"]),
        "from": st.none() | firsts.map(str),
        "to": st.none() | lasts.map(str),
        "category": some(CATEGORIES),
        "currency": some(CURRENCIES),
        "kind": some(KINDS),
        "tag": st.none() if monthly else some(TAGS),
    }
    given_only = st.fixed_dictionaries(wanted).map(
        lambda each: {name: value for name, value in each.items() if value is not None}
    )
    return given_only.map(SummaryQuery.model_validate)


async def carry_out(database: Database, user: UUID, script: list[Step]) -> list[Expense]:
    """Write all of it; what is live afterwards."""
    if script:
        await record(database, user, *(step.row for step in script))
    changes = [change_of(step) for step in script if step.then != "stay"]
    async with database.transaction() as connection:
        await lock_user(connection, user)
        if changes:
            await update_expenses(connection, user, changes)
    stayed = [step.row for step in script if step.then == "stay"]
    return stayed + [change.row for change in changes if change.action == "updated"]


def change_of(step: Step) -> Change:
    if step.then == "delete":
        row = msgspec.structs.replace(step.row, version=2, deleted_at=step.row.updated_at)
        return Change(action="deleted", row=row)
    row = msgspec.structs.replace(step.moved, id=step.row.id, version=2)
    return Change(action="updated", row=row)


def by_hand(live: list[Expense], query: SummaryQuery, keys: Sequence[GroupKey]) -> list[Line]:
    sums: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(lambda: [0, 0])
    for row in live:
        if passes(row, query):
            month = row.spent_on.isoformat()[:7]
            values = tuple(row.category if key is GroupKey.CATEGORY else month for key in keys)
            entry = sums[values, row.currency]
            entry[0] += row.amount if row.kind == "expense" else -row.amount
            entry[1] += 1
    return in_order([Line(values, cur, *entry) for (values, cur), entry in sums.items()])


def passes(row: Expense, query: SummaryQuery) -> bool:
    return (
        (query.from_ is None or row.spent_on >= query.from_)
        and (query.to is None or row.spent_on <= query.to)
        and (query.category is None or row.category in query.category)
        and (query.currency is None or row.currency in query.currency)
        and (query.kind is None or row.kind in query.kind)
        and (query.tag is None or bool(set(query.tag) & set(row.tags)))
    )


async def read(
    database: Database, user: UUID, query: SummaryQuery, *, from_rollups: bool
) -> Summary:
    async with database.transaction() as connection:
        found = await summarise(connection, user, query.group_by, query, from_rollups=from_rollups)
        assert found.version == await data_version(connection, user)
    return Summary(found.version, in_order(found.groups), in_order(found.totals))


many = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@many
@given(script=steps, query=queries(monthly=True))
async def test_rollups_rows_and_hand_agree(
    database: Database, script: list[Step], query: SummaryQuery
) -> None:
    user = uuid4()
    live = await carry_out(database, user, script)
    assert query.rollups_suffice()
    monthly = await read(database, user, query, from_rollups=True)
    assert monthly == await read(database, user, query, from_rollups=False)
    assert monthly.groups == by_hand(live, query, query.group_by)
    assert monthly.totals == by_hand(live, query, ())


@many
@given(script=steps, query=queries(monthly=False))
async def test_rows_and_hand_agree_on_any_filter(
    database: Database, script: list[Step], query: SummaryQuery
) -> None:
    user = uuid4()
    live = await carry_out(database, user, script)
    found = await read(database, user, query, from_rollups=query.rollups_suffice())
    assert found.groups == by_hand(live, query, query.group_by)
    assert found.totals == by_hand(live, query, ())
