"""Months, order and zeros of summaries."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expenses_service.errors import ValidationFailed
from expenses_service.reports.models import GroupKey, Line, Span
from expenses_service.reports.rules import (
    MAX_FILLED,
    PERIODS,
    fill_with_zero,
    in_order,
    period_text,
    periods,
)

days = st.dates(date(1900, 1, 1), date(2999, 12, 31))


def between(first: date, last: date, *keys: GroupKey) -> list[tuple[str, ...]]:
    return list(periods(keys, Span(first, last)))


def test_periods_from_one_day_to_another() -> None:
    assert between(date(2025, 11, 30), date(2026, 2, 1), GroupKey.MONTH) == [
        ("2025-11",),
        ("2025-12",),
        ("2026-01",),
        ("2026-02",),
    ]
    assert between(date(2026, 5, 7), date(2026, 5, 7), GroupKey.DAY) == [("2026-05-07",)]
    assert between(date(2026, 5, 7), date(2026, 5, 6), GroupKey.DAY) == []
    assert between(date(2999, 12, 30), date(2999, 12, 31), GroupKey.YEAR) == [("2999",)]


def test_weeks_and_months_that_share_a_day() -> None:
    assert between(date(2026, 4, 26), date(2026, 5, 4), GroupKey.WEEK, GroupKey.MONTH) == [
        ("2026-W17", "2026-04"),
        ("2026-W18", "2026-04"),
        ("2026-W18", "2026-05"),
        ("2026-W19", "2026-05"),
    ]


@pytest.mark.parametrize(
    ("day", "week"),
    [
        (date(1900, 1, 1), "1900-W01"),
        (date(2020, 12, 31), "2020-W53"),
        (date(2021, 1, 3), "2020-W53"),
        (date(2021, 1, 4), "2021-W01"),
        (date(2024, 12, 30), "2025-W01"),
        (date(2026, 5, 3), "2026-W18"),
        (date(2999, 12, 31), "3000-W01"),
    ],
)
def test_weeks_belong_to_the_year_of_their_thursday(day: date, week: str) -> None:
    assert period_text(GroupKey.WEEK, day) == week


@given(
    days,
    st.integers(0, 800),
    st.lists(st.sampled_from(sorted(PERIODS)), min_size=1, max_size=2, unique=True),
)
def test_periods_are_those_of_the_days(first: date, length: int, keys: list[GroupKey]) -> None:
    last = min(first + timedelta(days=length), date(2999, 12, 31))
    span = (first + timedelta(days=n) for n in range((last - first).days + 1))
    wanted = dict.fromkeys(tuple(period_text(key, day) for key in keys) for day in span)
    assert between(first, last, *keys) == list(wanted)


def test_order_is_by_key_then_currency_by_code_point() -> None:
    lines = [
        Line(("other", "2026-01"), "EUR", 1, 1),
        Line(("food", "2026-02"), "EUR", 1, 1),
        Line(("food", "2026-01"), "USD", 1, 1),
        Line(("food", "2026-01"), "EUR", 1, 1),
        Line(("a-b", "2026-01"), "EUR", 1, 1),
        Line((None, "2026-01"), "EUR", 1, 1),
        Line(("ab", "2026-01"), "EUR", 1, 1),
    ]
    *ordered, last = [(line.values, line.currency) for line in in_order(lines)]
    assert last == ((None, "2026-01"), "EUR")
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


@pytest.mark.parametrize(("categories", "length"), [(1, MAX_FILLED), (2, MAX_FILLED // 2)])
def test_so_much_is_filled_and_no_more(categories: int, length: int) -> None:
    first = date(2000, 1, 1)
    lines = [Line((f"c{n}", "2000-01-01"), "EUR", 1, 1) for n in range(categories)]
    keys = (GroupKey.CATEGORY, GroupKey.DAY)
    full = Span(first, first + timedelta(days=length - 1))
    assert len(fill_with_zero(lines, keys, full)) == MAX_FILLED
    with pytest.raises(ValidationFailed):
        fill_with_zero(lines, keys, Span(first, first + timedelta(days=length)))
