"""The orders of a list: each is a column and a direction, with ties settled by id."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from expenses_service.expenses.models import Expense

SortName = Literal["-spent_on", "spent_on"]


@dataclass(frozen=True, slots=True)
class Sort:
    """`to_key` and `from_key` turn the column's value into a cursor's integer and back."""

    column: str
    descending: bool
    to_key: Callable[[Any], int]
    from_key: Callable[[int], Any]

    def key(self, expense: Expense) -> int:
        """Where `expense` stands in this order, as a cursor keeps it."""
        return self.to_key(getattr(expense, self.column))


def _by_day(*, descending: bool) -> Sort:
    return Sort("spent_on", descending, date.toordinal, date.fromordinal)


SORTS: Final[dict[SortName, Sort]] = {
    "-spent_on": _by_day(descending=True),
    "spent_on": _by_day(descending=False),
}
