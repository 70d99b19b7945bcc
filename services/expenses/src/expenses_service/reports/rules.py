"""What a summary is made of, without a database."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from expenses_service.currencies.money import amount_text
from expenses_service.errors import FieldError, ValidationFailed
from expenses_service.reports.models import GroupKey, Line, Span, Summary

PERIODS: Final = frozenset({GroupKey.DAY, GroupKey.WEEK, GroupKey.MONTH, GroupKey.YEAR})
MONTHLY: Final = frozenset({GroupKey.CATEGORY, GroupKey.KIND, GroupKey.MONTH, GroupKey.YEAR})
"""The keys that the sums of whole months know."""

MAX_GROUPS: Final = 50_000
MAX_FILLED: Final = 10_000
"""The most groups of an answer with zeros in it."""


def too_many_groups(parameter: str, most: int) -> ValidationFailed:
    """The refusal of a summary that is larger than anybody reads; `parameter` makes it so."""
    detail = f"gives more than {most:,} groups: shorten the span of days, or filter"
    return ValidationFailed(errors=[FieldError("too_many_groups", detail, parameter=parameter)])


def period_text(key: GroupKey, day: date) -> str:
    """The period that `day` is in: `2026-05-01`, `2026-W18` (ISO 8601), `2026-05` or `2026`."""
    if key is GroupKey.WEEK:
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    length = {GroupKey.DAY: 10, GroupKey.MONTH: 7, GroupKey.YEAR: 4}[key]
    return day.isoformat()[:length]


def periods(keys: Sequence[GroupKey], span: Span) -> Iterator[tuple[str, ...]]:
    """Each period with a day in a closed span; of two keys, each two periods that share such a day.

    In order, and each once: the days of a month and a week follow one another.
    """
    if span.first is None or span.last is None:
        return
    day = span.first
    while day <= span.last:
        yield tuple(period_text(key, day) for key in keys)
        day = min(_next_begins(key, day) for key in keys)


def _next_begins(key: GroupKey, day: date) -> date:
    """The first day of the period after the one that `day` is in."""
    if key is GroupKey.DAY:
        return day + timedelta(days=1)
    if key is GroupKey.WEEK:
        return day + timedelta(days=8 - day.isoweekday())
    if key is GroupKey.MONTH and day.month < 12:  # noqa: PLR2004 - December is followed by a year
        return date(day.year, day.month + 1, 1)
    return date(day.year + 1, 1, 1)


def in_order(lines: Sequence[Line]) -> list[Line]:
    """By the keys in the order asked, then by currency; text by code point, and None last."""
    return sorted(lines, key=_place)


def _place(line: Line) -> tuple[list[tuple[bool, str]], str]:
    return [(value is None, value or "") for value in line.values], line.currency


def fill_with_zero(lines: Sequence[Line], keys: Sequence[GroupKey], span: Span) -> list[Line]:
    """`lines` and, for each (other key, currency) in them, a zero for each period without one.

    `keys` hold a period and `span` is closed; the schema sees to both. Raises ValidationFailed:
    too_many_groups.
    """
    at = [place for place, key in enumerate(keys) if key in PERIODS]
    between = list(periods([keys[place] for place in at], span))
    others = {(_without(line.values, at), line.currency) for line in lines}
    if len(others) * len(between) > MAX_FILLED:
        raise too_many_groups("fill", MAX_FILLED)
    there = {(line.values, line.currency) for line in lines}
    wanted = {
        (_with(other, at, period), currency) for other, currency in others for period in between
    }
    return [*lines, *(Line(values, currency, 0, 0) for values, currency in wanted - there)]


def _without(values: tuple[str | None, ...], at: Sequence[int]) -> tuple[str | None, ...]:
    return tuple(value for place, value in enumerate(values) if place not in at)


def _with(
    others: tuple[str | None, ...], at: Sequence[int], period: tuple[str, ...]
) -> tuple[str | None, ...]:
    """The values of all keys: `period` in the places `at`, the others around it."""
    values = list(others)
    for place, text in zip(at, period, strict=True):
        values.insert(place, text)
    return tuple(values)


def document(summary: Summary, keys: Sequence[GroupKey]) -> dict[str, object]:
    """The summary as API.md has it, amounts as padded strings."""
    return {
        "groups": [
            {"key": dict(zip(keys, line.values, strict=True)), **_sum(line)}
            for line in summary.groups
        ],
        "totals": [_sum(line) for line in summary.totals],
    }


def _sum(line: Line) -> dict[str, object]:
    total = amount_text(line.total, line.currency)
    return {"currency": line.currency, "total": total, "count": line.count}
