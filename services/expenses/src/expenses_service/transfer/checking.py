"""Rows as the database takes them in, by the very rules of a single expense.

Most rows are good, and have the same members as the one before: these cost a look-up for each
value that the file has shown already. A row that may not be good goes through the model of POST as
a whole, which says what is wrong with it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

from msgspec import json

from expenses_service.errors import FieldError, ValidationFailed
from expenses_service.expenses.rules import new_expense
from expenses_service.expenses.schemas import ExpenseDraft
from expenses_service.json_text import NotJson
from expenses_service.transfer.cells import OURS, REQUIRED, value_of
from expenses_service.transfer.lines import Format
from expenses_service.transfer.values import EMPTY, Cell, Rule, array, of_csv, of_json, units
from expenses_service.validation import validate

FIELDS: Final = tuple(ExpenseDraft.model_fields)
"""What a file can say of an expense beside its id."""
NAME: Final = frozenset({"source", "external_id"})
OPTIONAL: Final[Mapping[str, int]] = {
    name: 1 << place for place, name in enumerate(name for name in FIELDS if name not in REQUIRED)
}
"""A bit for each field that a row may leave as it is."""
STAGED: Final = ("id", "given", *FIELDS)
"""The cells of a row: its own id, the OPTIONAL bits of its members, and an expense of it."""

_LAYOUTS: Final = 256
_NO_ID: Final = "must be the id of an expense, or empty; ids of other systems are external_id"
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class _Layout(NamedTuple):
    """Rows with the same members in the same order."""

    rules: Sequence[Rule]
    """One for each member."""
    others: list[Cell]
    """What the row does not say."""
    pick: Callable[[list[Cell]], tuple[Cell, ...]]
    """What is STAGED, of members, amount and others."""


class Checker:
    """Checks the rows of one file; `today` is the day of those that name none."""

    def __init__(self, form: Format, today: date) -> None:
        self._is_csv = form == "csv"
        self._today = today
        rule_of = of_csv if self._is_csv else of_json
        self._rules: dict[str, Rule] = {name: rule_of(name) for name in FIELDS if name != "amount"}
        self._rules |= {"id": _id, **dict.fromkeys((*OURS, "amount"), _nothing)}
        self._layout = lru_cache(maxsize=_LAYOUTS)(self._layout_of)

    def cells(self, row: object) -> Sequence[Cell]:
        """What of the row is STAGED.

        Raises ValidationFailed with what POST says of it, each with a pointer.
        """
        if not isinstance(row, dict):
            validate(ExpenseDraft, row)  # says so
            row = {}
        try:
            return self._known(row)
        except (ValueError, TypeError, KeyError):
            return self._whole(row)

    def _known(self, row: Mapping[str, Any]) -> Sequence[Cell]:
        """Raises ValueError, TypeError or KeyError for a row that may not be good."""
        layout = self._layout(tuple(row))
        values = [rule(value) for rule, value in zip(layout.rules, row.values(), strict=True)]
        values.append(units(row["amount"], row["currency"]))
        cells = layout.pick(values + layout.others)
        if (cells[-1] is None) != (cells[-2] is None):  # source and external_id
            raise ValueError
        return cells

    def _layout_of(self, names: tuple[str, ...]) -> _Layout:
        if not {*REQUIRED}.issubset(names):
            raise KeyError
        others = {"id": None, "kind": "expense", "spent_on": str(self._today), **EMPTY}
        others = {name: cell for name, cell in others.items() if name not in names}
        others["given"] = _given(names)
        places = {name: place for place, name in enumerate((*names, "amount", *others))}
        rules = [self._rules[name] for name in names]
        return _Layout(rules, [*others.values()], itemgetter(*(places[name] for name in STAGED)))

    def _whole(self, row: Mapping[str, Any]) -> Sequence[Cell]:
        members = {name: self._member(name, row[name]) for name in row if name not in OURS}
        try:
            identifier = _id(members.pop("id", None))
        except ValueError as error:
            wrong = FieldError("uuid_parsing", str(error), pointer="/id")
            raise ValidationFailed(errors=[wrong]) from None
        if members.get("spent_on", "") is None:
            del members["spent_on"]
        draft = validate(ExpenseDraft, members).fields()
        expense = new_expense(draft, today=self._today, now=datetime.now(UTC))
        values = {name: getattr(expense, name) for name in FIELDS}
        values |= {"spent_on": str(expense.spent_on), "tags": array(expense.tags)}
        values |= {"metadata": json.encode(expense.metadata).decode()}
        return [identifier, _given(members), *values.values()]

    def _member(self, name: str, value: Any) -> object:  # noqa: ANN401 - as the file has it
        if not self._is_csv:
            return value
        try:
            return value_of(name, value)
        except NotJson as error:
            wrong = FieldError("malformed_json", str(error), pointer=f"/{name}")
            raise ValidationFailed(errors=[wrong]) from None


def _given(names: Iterable[str]) -> int:
    """Which members the row has something to say of: half a name in another system says nothing.

    A half that is not empty is refused before; an empty one would take the other half's row apart.
    """
    given = OPTIONAL.keys() & names
    whole = given if given >= NAME else given - NAME
    return sum(OPTIONAL[name] for name in whole)


def _id(value: object) -> Cell:
    if value is None:
        return None
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise ValueError(_NO_ID)
    return value


def _nothing(_: object) -> None:
    """For members that are not looked at here."""
