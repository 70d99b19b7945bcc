"""Random filters and orders over random expenses, against a plain filter in Python."""

from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expenses_service.database import Database
from expenses_service.expenses.cursors import Position
from expenses_service.expenses.documents import expense_body
from expenses_service.expenses.models import Expense
from expenses_service.expenses.repository import Slice, page
from expenses_service.expenses.schemas import ListQuery
from expenses_service.expenses.sorting import BY_AMOUNT, SORTS
from tests import filtered
from tests.records import record


@st.composite
def queries(draw: st.DrawFn) -> ListQuery:
    asked = draw(filtered.filters())
    orders = [each for each in SORTS if each not in BY_AMOUNT or filtered.one_currency(asked)]
    return ListQuery.model_validate(asked | {"sort": draw(st.sampled_from(orders))})


def place(row: Expense, query: ListQuery) -> tuple[int, UUID]:
    return SORTS[query.sort].key(row), row.id


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    made=st.lists(filtered.rows, max_size=25),
    asked=st.lists(queries(), min_size=1, max_size=4),
    size=st.integers(1, 7),
)
async def test_pages_are_the_rows_that_pass_in_order(
    database: Database, made: list[Expense], asked: list[ListQuery], size: int
) -> None:
    user = uuid4()
    if made:
        await record(database, user, *made)
    for query in asked:
        wanted = sorted(
            (row for row in made if filtered.passes(row, query)),
            key=lambda row: place(row, query),
            reverse=query.sort.startswith("-"),
        )
        shown = [expense_body(row).decode() for row in wanted]
        seen: list[str] = []
        after: Position | None = None
        while True:
            part = Slice(SORTS[query.sort], after, size, total=True)
            async with database.transaction() as connection:
                version, total, items = await page(connection, user, query, part)
            assert (version, total) == (len(made), len(wanted))
            assert type(total) is int  # a Decimal may be written as 1E+4
            seen += items
            assert len(seen) <= len(wanted)
            if len(items) < size:
                break
            after = Position(*place(wanted[len(seen) - 1], query))
        assert seen == shown
