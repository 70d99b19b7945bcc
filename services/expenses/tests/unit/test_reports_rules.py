"""Months, order and zeros of summaries."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from expenses_service.reports.models import GroupKey, Line, Span
from expenses_service.reports.rules import fill_with_zero, in_order, months

days = st.dates(date(1900, 1, 1), date(2999, 12, 31))


def test_months_from_one_day_to_another() -> None:
    assert months(date(2025, 11, 30), date(2026, 2, 1)) == [
        "2025-11",
        "2025-12",
        "2026-01",
        "2026-02",
    ]
    assert months(date(2026, 5, 7), date(2026, 5, 7)) == ["2026-05"]
    assert months(date(2026, 5, 7), date(2026, 4, 7)) == []


@given(days, st.integers(0, 2000))
def test_months_are_those_of_the_days(first: date, length: int) -> None:
    last = min(first + timedelta(days=length), date(2999, 12, 31))
    span = (first + timedelta(days=n) for n in range((last - first).days + 1))
    assert months(first, last) == sorted({day.isoformat()[:7] for day in span})


def test_order_is_by_key_then_currency_by_code_point() -> None:
    lines = [
        Line(("other", "2026-01"), "EUR", 1, 1),
        Line(("food", "2026-02"), "EUR", 1, 1),
        Line(("food", "2026-01"), "USD", 1, 1),
        Line(("food", "2026-01"), "EUR", 1, 1),
        Line(("a-b", "2026-01"), "EUR", 1, 1),
        Line(("ab", "2026-01"), "EUR", 1, 1),
    ]
    ordered = [(line.values, line.currency) for line in in_order(lines)]
    assert ordered == sorted(ordered)
    assert [values[0] for values, _ in ordered] == ["a-b", "ab", "food", "food", "food", "other"]


def test_missing_months_become_zeros_for_each_other_key_and_currency() -> None:
    span = Span(date(2026, 1, 15), date(2026, 3, 2))
    lines = [
        Line(("2026-01", "food"), "EUR", 500, 2),
        Line(("2026-03", "food"), "JPY", -7, 1),
    ]
    filled = in_order(fill_with_zero(lines, (GroupKey.MONTH, GroupKey.CATEGORY), span))
    assert filled == [
        Line(("2026-01", "food"), "EUR", 500, 2),
        Line(("2026-01", "food"), "JPY", 0, 0),
        Line(("2026-02", "food"), "EUR", 0, 0),
        Line(("2026-02", "food"), "JPY", 0, 0),
        Line(("2026-03", "food"), "EUR", 0, 0),
        Line(("2026-03", "food"), "JPY", -7, 1),
    ]


def test_nothing_is_filled_without_lines_or_without_an_end() -> None:
    assert fill_with_zero([], (GroupKey.MONTH,), Span(date(2026, 1, 1), date(2026, 2, 1))) == []
    line = Line(("2026-01",), "EUR", 1, 1)
    assert fill_with_zero([line], (GroupKey.MONTH,), Span(date(2026, 1, 1), None)) == [line]
