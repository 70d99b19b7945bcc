"""Random expenses and filters, and in plain Python which of them pass."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from expenses_service.currencies.rules import CURRENCIES
from expenses_service.expenses.filters import Filters
from expenses_service.expenses.models import Expense
from tests.records import expense

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
CATEGORIES = ["food", "travel"]
CODES = ["EUR", "JPY", "KWD"]
KINDS = ["expense", "refund"]
TAGS = ["a", "b", "ä", "x y"]
MERCHANTS = ["Enzo", "enzo", "Aubergine, Inc.", "Müller & Söhne"]
METHODS = ["card", "cash"]
WORDS = ["Taxi", "taxi-stand", "Zoë", "zoe's", "STRASSE 7", "straße", "12.50", "寿司", "a/b", "!"]
LARGEST = 999_999_999_999_999

days = st.dates(date(2025, 12, 20), date(2026, 2, 10))
instants = st.integers(0, 5).map(lambda n: NOON + timedelta(minutes=n, microseconds=n % 2))
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
rows = st.builds(
    expense,
    st.integers(1, 5) | st.sampled_from([100, 1000, LARGEST]),
    st.sampled_from(CODES),
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
)


def some(values: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(values), min_size=1, unique=True).map(",".join)


FILTERS: Mapping[str, st.SearchStrategy[str]] = {
    "from": days.map(str),
    "to": days.map(str),
    "category": some(CATEGORIES),
    "tag": some(TAGS),
    "tag_mode": st.sampled_from(["any", "all"]),
    "currency": some(CODES),
    "kind": some(KINDS),
    "merchant": some(MERCHANTS),
    "payment_method": some(METHODS),
    "q": texts.filter(lambda text: any(map(str.isalnum, text))),
    "updated_since": instants.map(lambda at: at.isoformat().replace("+00:00", "Z")),
}


@st.composite
def filters(draw: st.DrawFn) -> dict[str, str]:
    """Up to three, and with exactly one currency bounds of the amount too."""
    names = draw(st.lists(st.sampled_from(sorted(FILTERS)), unique=True, max_size=3))
    asked = {name: draw(FILTERS[name]) for name in names}
    if one_currency(asked):
        for name in draw(st.lists(st.sampled_from(["min_amount", "max_amount"]), unique=True)):
            asked[name] = draw(st.sampled_from(["1", "3", "5", "100"]))
    return asked


def one_currency(asked: Mapping[str, str]) -> bool:
    return "," not in asked.get("currency", ",")


def passes(row: Expense, asked: Filters) -> bool:
    amount = Decimal(row.amount).scaleb(-CURRENCIES[row.currency].exponent)
    tagged = all if asked.tag_mode == "all" else any
    return (
        (asked.from_ is None or row.spent_on >= asked.from_)
        and (asked.to is None or row.spent_on <= asked.to)
        and (asked.category is None or row.category in asked.category)
        and (asked.tag is None or tagged(tag in row.tags for tag in asked.tag))
        and (asked.currency is None or row.currency in asked.currency)
        and (asked.kind is None or row.kind in asked.kind)
        and (asked.merchant is None or row.merchant in asked.merchant)
        and (asked.payment_method is None or row.payment_method in asked.payment_method)
        and (asked.min_amount is None or amount >= asked.min_amount)
        and (asked.max_amount is None or amount <= asked.max_amount)
        and (asked.updated_since is None or row.updated_at >= asked.updated_since)
        and (asked.q is None or has_words(row, asked.q))
    )


def words(text: str) -> list[str]:
    apart = unicodedata.normalize("NFD", text.casefold())
    plain = re.sub("[\u0300-\u036f]", "", apart)
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFC", plain))


def has_words(row: Expense, asked: str) -> bool:
    there = words(" ".join([row.description, row.merchant or "", row.notes or ""]))
    *whole, begun = words(asked)
    return set(whole) <= set(there) and any(word.startswith(begun) for word in there)
