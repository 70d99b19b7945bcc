"""Postgres and the service show an expense by the same bytes."""

from datetime import UTC, date, datetime
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import select

from expenses_service.currencies.rules import CURRENCIES
from expenses_service.database import Database
from expenses_service.expenses.documents import expense_body
from expenses_service.expenses.models import Expense, expenses
from expenses_service.expenses.shown import shown
from tests.filtered import LARGEST
from tests.records import expense, record

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
INSTANTS = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001 - hypothesis wants it so
    datetime(9999, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)
WHOLE = INSTANTS.map(lambda instant: instant.replace(microsecond=0))
METHODS = ["cash", "card", "bank_transfer", "direct_debit", "wallet", "other"]
ROWS = st.builds(
    expense,
    st.integers(1, 20_000) | st.sampled_from([10**n for n in range(15)]) | st.just(LARGEST),
    st.sampled_from(["EUR", "JPY", "KWD", "CLF"]),
    st.dates(date(1900, 1, 1), date(2999, 12, 31)),
    TEXT,
    kind=st.sampled_from(["expense", "refund"]),
    tags=st.lists(TEXT, max_size=20),
    merchant=st.none() | TEXT,
    payment_method=st.none() | st.sampled_from(METHODS),
    description=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40),
    notes=st.none() | TEXT,
    metadata=st.dictionaries(TEXT, TEXT, max_size=5),
    created_at=INSTANTS | WHOLE,
    updated_at=INSTANTS | WHOLE,
)
UNCHANGED = ROWS.map(lambda row: replace(row, updated_at=row.created_at))


async def shown_by_postgres(database: Database, rows: list[Expense]) -> list[str]:
    owner = uuid4()
    await record(database, owner, *rows)
    places = {row.id: place for place, row in enumerate(rows)}
    mine = select(expenses.c.id, shown()).where(expenses.c.user_id == owner)
    async with database.transaction() as connection:
        found = (await connection.execute(mine)).all()
    return [text for _, text in sorted(found, key=lambda each: places[each[0]])]


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=st.lists(ROWS | UNCHANGED, min_size=1, max_size=20))
async def test_any_expense(database: Database, rows: list[Expense]) -> None:
    assert await shown_by_postgres(database, rows) == [expense_body(row).decode() for row in rows]


async def test_every_currency(database: Database) -> None:
    amounts = (1, 10_203, LARGEST)
    rows = [expense(units, code, "2026-05-31") for code in CURRENCIES for units in amounts]
    assert await shown_by_postgres(database, rows) == [expense_body(row).decode() for row in rows]


async def test_every_control_character(database: Database) -> None:
    """Of those in a text; the API refuses most, an older row may have them."""
    text = "".join(map(chr, range(1, 0x2100)))
    external = {"source": "a", "external_id": text[:50]}
    row = expense(
        1, "EUR", "2026-05-31", notes=text, tags=[text], metadata={text: text, "": ""}, **external
    )
    assert await shown_by_postgres(database, [row]) == [expense_body(row).decode()]
