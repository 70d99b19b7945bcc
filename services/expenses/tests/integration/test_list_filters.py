"""Random filters and orders over random expenses, against a plain filter in Python."""

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expenses_service.currencies.rules import CURRENCIES
from expenses_service.database import Database
from expenses_service.expenses.cursors import Position
from expenses_service.expenses.models import Expense
from expenses_service.expenses.repository import Slice, page
from expenses_service.expenses.schemas import ListQuery
from expenses_service.expenses.sorting import SORTS
from tests.records import expense, record

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
CATEGORIES = ["food", "travel"]
CURRENCIES_USED = ["EUR", "JPY", "KWD"]
KINDS = ["expense", "refund"]
TAGS = ["a", "b", "ä", "x y"]
MERCHANTS = ["Enzo", "enzo", "Aubergine, Inc.", "Müller & Söhne"]
METHODS = ["card", "cash"]
WORDS = ["Taxi", "taxi-stand", "Zoë", "zoe's", "STRASSE 7", "straße", "12.50", "寿司", "a/b", "!"]

days = st.dates(date(2025, 12, 20), date(2026, 2, 10))
instants = st.integers(0, 5).map(lambda n: NOON + timedelta(minutes=n, microseconds=n % 2))
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
rows = st.lists(
    st.builds(
        expense,
        st.integers(1, 5) | st.sampled_from([100, 1000, 999_999_999_999_999]),
        st.sampled_from(CURRENCIES_USED),
        days,
        st.sampled_from(CATEGORIES),
        kind=st.sampled_from(KINDS),
        tags=st.lists(st.sampled_from(TAGS), unique=True),
        merchant=st.none() | st.sampled_from(MERCHANTS),
        payment_method=st.none() | st.sampled_from(METHODS),
        description=texts,
        notes=st.none() | texts,
        created_at=instants,
        updated_at=instants,
    ),
    max_size=25,
)


def some(values: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(values), min_size=1, unique=True).map(",".join)


@st.composite
def queries(draw: st.DrawFn) -> ListQuery:
    optional = {
        "from": days.map(str),
        "to": days.map(str),
        "category": some(CATEGORIES),
        "tag": some(TAGS),
        "tag_mode": st.sampled_from(["any", "all"]),
        "currency": some(CURRENCIES_USED),
        "kind": some(KINDS),
        "merchant": some(MERCHANTS),
        "payment_method": some(METHODS),
        "q": texts.filter(lambda text: any(map(str.isalnum, text))),
        "updated_since": instants.map(lambda at: at.isoformat().replace("+00:00", "Z")),
    }
    names = draw(st.lists(st.sampled_from(sorted(optional)), unique=True, max_size=3))
    asked = {name: draw(optional[name]) for name in names}
    orders = ["-spent_on", "spent_on", "-created_at", "created_at"]
    if "," not in asked.get("currency", ","):
        orders += ["-amount", "amount"]
        for name in draw(st.lists(st.sampled_from(["min_amount", "max_amount"]), unique=True)):
            asked[name] = draw(st.sampled_from(["1", "3", "5", "100"]))
    return ListQuery.model_validate(asked | {"sort": draw(st.sampled_from(orders))})


def passes(row: Expense, query: ListQuery) -> bool:
    amount = Decimal(row.amount).scaleb(-CURRENCIES[row.currency].exponent)
    tagged = all if query.tag_mode == "all" else any
    return (
        (query.from_ is None or row.spent_on >= query.from_)
        and (query.to is None or row.spent_on <= query.to)
        and (query.category is None or row.category in query.category)
        and (query.tag is None or tagged(tag in row.tags for tag in query.tag))
        and (query.currency is None or row.currency in query.currency)
        and (query.kind is None or row.kind in query.kind)
        and (query.merchant is None or row.merchant in query.merchant)
        and (query.payment_method is None or row.payment_method in query.payment_method)
        and (query.min_amount is None or amount >= query.min_amount)
        and (query.max_amount is None or amount <= query.max_amount)
        and (query.updated_since is None or row.updated_at >= query.updated_since)
        and (query.q is None or has_words(row, query.q))
    )


def words(text: str) -> list[str]:
    apart = unicodedata.normalize("NFD", text.casefold())
    plain = re.sub("[\u0300-\u036f]", "", apart)
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFC", plain))


def has_words(row: Expense, asked: str) -> bool:
    there = words(" ".join([row.description, row.merchant or "", row.notes or ""]))
    *whole, begun = words(asked)
    return set(whole) <= set(there) and any(word.startswith(begun) for word in there)


def in_order(row: Expense, query: ListQuery) -> tuple[int, UUID]:
    return (SORTS[query.sort].key(row), row.id)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=rows, asked=st.lists(queries(), min_size=1, max_size=4), size=st.integers(1, 7))
async def test_pages_are_the_rows_that_pass_in_order(
    database: Database, made: list[Expense], asked: list[ListQuery], size: int
) -> None:
    user = uuid4()
    if made:
        await record(database, user, *made)
    for query in asked:
        wanted = sorted(
            (row for row in made if passes(row, query)),
            key=lambda row: in_order(row, query),
            reverse=query.sort.startswith("-"),
        )
        seen: list[Expense] = []
        after: Position | None = None
        while True:
            part = Slice(SORTS[query.sort], after, size, total=True)
            async with database.transaction() as connection:
                version, found, total = await page(connection, user, query, part)
            assert (version, total) == (len(made), len(wanted))
            seen += found
            if len(found) < size:
                break
            after = Position(*in_order(found[-1], query))
        assert seen == wanted
