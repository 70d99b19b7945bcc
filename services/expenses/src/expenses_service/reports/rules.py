"""What a summary is made of, without a database."""

from collections.abc import Sequence
from datetime import date

from expenses_service.currencies.money import amount_text
from expenses_service.reports.models import GroupKey, Line, Span, Summary

PERIODS = frozenset({GroupKey.MONTH})


def months(first: date, last: date) -> list[str]:
    """Each month that has a day from `first` to `last`, as `2026-05`."""
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in numbers]


def in_order(lines: Sequence[Line]) -> list[Line]:
    """By the keys in the order asked, then by currency; text by code point, so in every locale."""
    return sorted(lines, key=lambda line: (line.values, line.currency))


def fill_with_zero(lines: Sequence[Line], keys: Sequence[GroupKey], span: Span) -> list[Line]:
    """`lines` and, for each (other key, currency) in them, a zero for each period without one.

    `keys` hold one period and `span` is closed; the schema sees to both.
    """
    if span.first is None or span.last is None:
        return list(lines)
    at = next(place for place, key in enumerate(keys) if key in PERIODS)
    there = {(line.values, line.currency) for line in lines}
    wanted = {
        ((*line.values[:at], month, *line.values[at + 1 :]), line.currency)
        for line in lines
        for month in months(span.first, span.last)
    }
    return [*lines, *(Line(values, currency, 0, 0) for values, currency in wanted - there)]


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
