from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from expenses_service.expenses.filters import Filters
from expenses_service.expenses.schemas import ListQuery
from expenses_service.reports.schemas import SummaryQuery


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


def test_equal_bounds_and_instants_are_one_text() -> None:
    one = parsed(currency="EUR", min_amount="3", max_amount="12.5", sort="amount")
    other = parsed(currency="EUR,EUR", min_amount="3.00", max_amount="12.50", sort="amount")
    assert one.canonical() == other.canonical()
    assert "max_amount=12.50&min_amount=3.00" in one.canonical()
    assert parsed(currency="JPY", min_amount="1250").min_amount == 1250
    assert parsed(currency="CLF", min_amount="0.0001").canonical(without={"limit", "sort"}) == (
        "currency=CLF&min_amount=0.0001"
    )
    noon = parsed(updated_since="2026-05-31T14:00:00.1234567+02:00")
    assert noon.updated_since == datetime(2026, 5, 31, 12, 0, 0, 123456, UTC)
    assert noon.scope() == "sort=-spent_on&updated_since=2026-05-31T12%3A00%3A00.123456Z"
    assert ListQuery.model_validate(dict(parse_qsl(noon.canonical()))) == noon


EVERY = {
    "from": "2026-01-01",
    "to": "2026-01-31",
    "category": "food",
    "tag": "a",
    "tag_mode": "all",
    "currency": "EUR",
    "kind": "refund",
    "merchant": "Enzo",
    "payment_method": "card",
    "min_amount": "1",
    "max_amount": "9",
    "q": "taxi",
    "updated_since": "2026-01-01T00:00:00Z",
}
OF_THE_LIST = {"sort": "amount", "limit": "7", "cursor": "x", "include": "total"}
OF_THE_SUMMARY = {"fill": "zero", "group_by": "year"}


@pytest.mark.parametrize(
    ("model", "every"),
    [
        (ListQuery, EVERY | OF_THE_LIST),
        (SummaryQuery, EVERY | OF_THE_SUMMARY),
    ],
)
def test_no_parameter_is_left_out_of_the_canonical_text(
    model: type[Filters], every: dict[str, str]
) -> None:
    """It names replies in the cache and decides their entity tags."""
    assert every.keys() == {field.alias or name for name, field in model.model_fields.items()}
    canonical = model.model_validate(every).canonical()
    assert dict(parse_qsl(canonical)) == every | {"min_amount": "1.00", "max_amount": "9.00"}


def test_a_comma_before_a_space_is_part_of_a_merchants_name() -> None:
    query = parsed(merchant="Aubergine, Inc.,Bel, Ltd,A")
    assert query.merchant == ("A", "Aubergine, Inc.", "Bel, Ltd")
    assert ListQuery.model_validate(dict(parse_qsl(query.canonical()))) == query


@given(st.text(st.sampled_from("aB ,!"), min_size=1, max_size=20))
def test_the_canonical_text_names_the_same_merchants(names: str) -> None:
    try:
        query = parsed(merchant=names)
    except ValidationError:
        return
    assert ListQuery.model_validate(dict(parse_qsl(query.canonical()))) == query


@pytest.mark.parametrize(
    ("asked", "monthly"),
    [
        ({}, True),
        ({"from": "2026-01-01"}, True),
        ({"from": "2026-01-02"}, False),
        ({"to": "2026-02-28"}, True),
        ({"to": "2024-02-28"}, False),
        ({"to": "2024-02-29"}, True),
        ({"from": "2026-01-01", "to": "2026-12-31"}, True),
        ({"from": "2026-01-01", "to": "2026-12-30"}, False),
        ({"to": "2999-12-31"}, True),
        ({"category": "food", "currency": "EUR", "kind": "refund"}, True),
        ({"tag": "a"}, False),
        ({"merchant": "A"}, False),
        ({"payment_method": "card"}, False),
        ({"currency": "EUR", "min_amount": "1"}, False),
        ({"currency": "EUR", "max_amount": "1"}, False),
        ({"q": "a"}, False),
        ({"updated_since": "2026-01-01T00:00:00Z"}, False),
    ],
)
def test_filters_that_monthly_sums_tell(asked: dict[str, str], *, monthly: bool) -> None:
    assert parsed(**asked).monthly() is monthly
    assert Filters.model_validate(asked).monthly() is monthly


MONEY = {"currency": "EUR"}


@pytest.mark.parametrize(
    ("others", "name", "value", "code"),
    [
        (MONEY, "min_amount", "12.505", "amount_scale"),
        (MONEY, "min_amount", "1.000", "amount_scale"),
        (MONEY, "min_amount", "0", "amount_range"),
        (MONEY, "max_amount", "-1", "amount_range"),
        (MONEY, "max_amount", "10000000000000.00", "amount_range"),
        (MONEY, "max_amount", "1e3", "amount_format"),
        (MONEY, "max_amount", "1,5", "amount_format"),
        (MONEY, "max_amount", "", "amount_format"),
        ({"currency": "JPY"}, "min_amount", "1.0", "amount_scale"),
        ({"currency": "EUR,USD"}, "min_amount", "1", "currency_required"),
        ({"currency": "EUR,USD"}, "sort", "-amount", "currency_required"),
        ({}, "max_amount", "1", "currency_required"),
        ({}, "sort", "amount", "currency_required"),
    ],
)
def test_amounts_compare_in_one_currency(
    others: dict[str, str], name: str, value: str, code: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        parsed(**others, **{name: value})
    assert [(each["loc"], each["type"]) for each in caught.value.errors()] == [((name,), code)]


def test_amounts_at_their_edge_and_orders_that_compare_none() -> None:
    parsed(currency="EUR", max_amount="9999999999999.99", min_amount="0.01", sort="-amount")
    parsed(sort="-created_at")


def test_a_currency_that_is_not_valid_is_all_that_is_told() -> None:
    with pytest.raises(ValidationError) as caught:
        parsed(currency="eur", min_amount="1", sort="amount")
    assert [error["type"] for error in caught.value.errors()] == ["unknown_currency"]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("from", "2026-02-30", "invalid_date"),
        ("to", "3000-01-01", "date_range"),
        ("currency", "EUR,eur", "unknown_currency"),
        ("kind", "gift", "literal_error"),
        ("category", "food,", "string_too_short"),
        ("category", ",".join(map(str, range(51))), "too_long"),
        ("currency", ",".join(["QQQ"] * 51), "too_long"),  # before any is looked at
        ("merchant", ",".join(["x" * 121] * 51), "too_long"),
        ("tag", "x" * 41, "string_too_long"),
        ("sort", "description", "literal_error"),
        ("tag_mode", "none", "literal_error"),
        ("payment_method", "card,gold", "literal_error"),
        ("merchant", "x" * 121, "string_too_long"),
        ("merchant", "A,,B", "string_too_short"),
        ("include", "total,sum", "literal_error"),
        ("q", "", "string_too_short"),
        ("q", "x" * 201, "string_too_long"),
        ("q", "  ", "blank"),
        ("q", "& | !:*()", "no_words"),
        ("q", "a\x00b", "control_character"),
        ("updated_since", "2026-05-31", "invalid_instant"),
        ("updated_since", "2026-05-31T12:00:00", "invalid_instant"),
        ("updated_since", "2026-05-31T25:00:00Z", "invalid_instant"),
        ("updated_since", "2026-05-31T12:00:00 02:00", "invalid_instant"),
        ("updated_since", "0001-01-01T00:00:00+14:00", "invalid_instant"),
        ("limit", "0", "greater_than_equal"),
        ("limit", "201", "less_than_equal"),
        ("limit", "ten", "int_parsing"),
        ("limit", "1_0", "int_parsing"),
        ("limit", "5.0", "int_parsing"),
        ("form", "2026-01-01", "extra_forbidden"),
        ("from_", "2026-01-01", "extra_forbidden"),
    ],
)
def test_refused(name: str, value: str, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ListQuery.model_validate({name: value})
    assert {error["type"] for error in caught.value.errors()} == {code}
    assert {error["loc"][0] for error in caught.value.errors()} == {name}
