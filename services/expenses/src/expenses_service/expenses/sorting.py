"""The orders of a list: each is a column and a direction, with ties settled by id."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal

SortName = Literal["-spent_on", "spent_on", "-amount", "amount", "-created_at", "created_at"]

BY_AMOUNT: Final[frozenset[SortName]] = frozenset({"-amount", "amount"})
"""The orders that compare amounts, so those of one currency only."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Sort:
    """`to_key` and `from_key` turn the column's value into a cursor's integer and back."""

    column: str
    descending: bool
    to_key: Callable[[Any], int]
    from_key: Callable[[int], Any]

    def key(self, expense: object) -> int:
        """Where `expense`, which has the column by its name, stands, as a cursor keeps it."""
        return self.to_key(getattr(expense, self.column))


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _instant(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND


def _by_day(*, descending: bool) -> Sort:
    return Sort("spent_on", descending, date.toordinal, date.fromordinal)


def _by_amount(*, descending: bool) -> Sort:
    return Sort("amount", descending, int, int)


def _by_creation(*, descending: bool) -> Sort:
    return Sort("created_at", descending, _microseconds, _instant)


SORTS: Final[dict[SortName, Sort]] = {
    "-spent_on": _by_day(descending=True),
    "spent_on": _by_day(descending=False),
    "-amount": _by_amount(descending=True),
    "amount": _by_amount(descending=False),
    "-created_at": _by_creation(descending=True),
    "created_at": _by_creation(descending=False),
}
