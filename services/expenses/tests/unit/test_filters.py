import pytest
from pydantic import ValidationError

from expenses_service.expenses.filters import Filters
from expenses_service.expenses.schemas import ListQuery


def parsed(**values: str) -> ListQuery:
    return ListQuery.model_validate(values)


def test_the_canonical_text_does_not_depend_on_order_or_repetition() -> None:
    one = parsed(category="travel,food,food", tag="B,a", **{"from": "2026-05-01"})
    other = parsed(tag="a,b", category="food,travel", **{"from": "2026-05-01"})
    assert one.canonical() == other.canonical()
    assert one.canonical() == (
        "category=food,travel&from=2026-05-01&limit=50&sort=-spent_on&tag=a,b"
    )
    assert Filters().canonical() == ""


def test_the_canonical_text_is_a_query_that_means_the_same() -> None:
    query = parsed(category="a&b=c", tag="x y,ä")
    assert query.canonical() == "category=a%26b%3Dc&limit=50&sort=-spent_on&tag=x+y,%C3%A4"


def test_a_cursor_is_bound_to_filters_and_order_but_not_to_the_limit() -> None:
    query = parsed(kind="refund", limit="7", cursor="x")
    assert query.scope() == "kind=refund&sort=-spent_on"
    assert query.scope() != parsed(kind="refund", sort="spent_on").scope()
    assert query.scope() == parsed(kind="refund", limit="8").scope()


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("from", "2026-02-30", "invalid_date"),
        ("to", "3000-01-01", "date_range"),
        ("currency", "EUR,eur", "unknown_currency"),
        ("kind", "gift", "literal_error"),
        ("category", "food,", "string_too_short"),
        ("category", ",".join(map(str, range(51))), "too_long"),
        ("tag", "x" * 41, "string_too_long"),
        ("sort", "amount", "literal_error"),
        ("limit", "0", "greater_than_equal"),
        ("limit", "201", "less_than_equal"),
        ("limit", "ten", "int_parsing"),
        ("limit", "1_0", "int_parsing"),
        ("limit", "5.0", "int_parsing"),
        ("cursor", "", "string_too_short"),
        ("form", "2026-01-01", "extra_forbidden"),
        ("from_", "2026-01-01", "extra_forbidden"),
    ],
)
def test_refused(name: str, value: str, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ListQuery.model_validate({name: value})
    assert [error["type"] for error in caught.value.errors()] == [code]
    assert caught.value.errors()[0]["loc"][0] == name
