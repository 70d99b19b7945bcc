"""Summaries from rollups, from rows and by hand, over random expenses, changes and questions."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from expenses_service.changes.models import Change
from expenses_service.changes.repository import data_version, lock_user, update_expenses
from expenses_service.database import Database
from expenses_service.expenses.models import Expense
from expenses_service.reports.models import GroupKey, Line, Summary
from expenses_service.reports.repository import summarise
from expenses_service.reports.rules import MONTHLY, PERIODS, fill_with_zero, in_order
from expenses_service.reports.schemas import SummaryQuery
from tests import filtered
from tests.records import expense, record


@dataclass(frozen=True)
class Step:
    """A new expense and what later becomes of it."""

    row: Expense
    then: str
    moved: Expense


steps = st.lists(
    st.builds(Step, filtered.rows, st.sampled_from(["stay", "change", "delete"]), filtered.rows),
    max_size=20,
)


def month_end(first: date) -> date:
    return (first.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def keys(among: Sequence[GroupKey]) -> st.SearchStrategy[str]:
    """One, or two in either order."""
    return st.lists(st.sampled_from(among), min_size=1, max_size=2, unique=True).map(",".join)


monthly_queries = st.fixed_dictionaries(
    {"group_by": keys(sorted(MONTHLY))},
    optional={
        "from": filtered.days.map(lambda day: str(day.replace(day=1))),
        "to": filtered.days.map(month_end).map(str),
        **{name: filtered.FILTERS[name] for name in ("category", "currency", "kind")},
    },
).map(SummaryQuery.model_validate)

any_queries = st.builds(
    lambda asked, group_by: SummaryQuery.model_validate(asked | {"group_by": group_by}),
    filtered.filters(),
    keys(list(GroupKey)),
)


filled_queries = st.fixed_dictionaries(
    {
        "group_by": keys(list(GroupKey)).filter(lambda asked: PERIODS & set(asked.split(","))),
        "fill": st.just("zero"),
        "from": filtered.days.map(str),
        "to": filtered.days.map(str),
    },
    optional={"kind": filtered.FILTERS["kind"]},
).map(SummaryQuery.model_validate)


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
        row = replace(step.row, version=2, deleted_at=step.row.updated_at)
        return Change(action="deleted", row=row)
    row = replace(step.moved, id=step.row.id, created_at=step.row.created_at, version=2)
    return Change(action="updated", row=row)


def keyed(row: Expense, key: GroupKey) -> Sequence[str | None]:
    """What `row` counts under."""
    match key:
        case GroupKey.TAG:
            return row.tags or [None]
        case GroupKey.DAY:
            return [f"{row.spent_on:%Y-%m-%d}"]
        case GroupKey.WEEK:
            return [f"{row.spent_on:%G-W%V}"]
        case GroupKey.MONTH:
            return [f"{row.spent_on:%Y-%m}"]
        case GroupKey.YEAR:
            return [f"{row.spent_on:%Y}"]
    value: str | None = getattr(row, key.value)
    return [value]


def by_hand(live: list[Expense], query: SummaryQuery, group_by: Sequence[GroupKey]) -> list[Line]:
    sums: dict[tuple[tuple[str | None, ...], str], list[int]] = defaultdict(lambda: [0, 0])
    for row in live:
        if filtered.passes(row, query):
            for values in product(*(keyed(row, key) for key in group_by)):
                entry = sums[values, row.currency]
                entry[0] += row.amount if row.kind == "expense" else -row.amount
                entry[1] += 1
    return in_order([Line(values, cur, *entry) for (values, cur), entry in sums.items()])


async def read(
    database: Database, user: UUID, query: SummaryQuery, *, from_rollups: bool
) -> Summary:
    async with database.transaction() as connection:
        found = await summarise(connection, user, query.group_by, query, from_rollups=from_rollups)
        assert found.version == await data_version(connection, user)
    return Summary(found.version, in_order(found.groups), in_order(found.totals))


many = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@many
@given(script=steps, query=monthly_queries)
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
@given(script=steps, queries=st.lists(any_queries, min_size=1, max_size=4))
async def test_rows_and_hand_agree_on_any_keys_and_filters(
    database: Database, script: list[Step], queries: list[SummaryQuery]
) -> None:
    user = uuid4()
    live = await carry_out(database, user, script)
    for query in queries:
        found = await read(database, user, query, from_rollups=query.rollups_suffice())
        assert found.groups == by_hand(live, query, query.group_by)
        assert found.totals == by_hand(live, query, ())


@many
@given(live=st.lists(filtered.rows, max_size=20), query=filled_queries)
def test_filled_there_is_one_line_for_each_period_that_has_a_day(
    live: list[Expense], query: SummaryQuery
) -> None:
    """As if nothing had been spent on every day, under all other keys that there are."""
    found = by_hand(live, query, query.group_by)
    filled = in_order(fill_with_zero(found, query.group_by, query.span))
    assert [line for line in filled if line.count] == found
    places = {(line.values, line.currency) for line in filled}
    assert len(places) == len(filled)
    assert places == {
        (values, line.currency) for line in found for values in on_each_day(line, query)
    }


def on_each_day(line: Line, query: SummaryQuery) -> set[tuple[str | None, ...]]:
    """The line's values, and in place of its periods those of each day that is asked for."""
    first, last = query.from_ or date.min, query.to or date.min
    span = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return {
        tuple(
            keyed(expense(1, "EUR", day), key)[0] if key in PERIODS else value
            for key, value in zip(query.group_by, line.values, strict=True)
        )
        for day in span
    }
