"""Values as COPY reads them, each by the rules of its field.

A rule takes a value as a file of its form has it, and raises ValueError or TypeError for one that
may not be good. Fields whose values recur remember those that were.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from msgspec import json
from pydantic import TypeAdapter

from expenses_service.currencies.money import minor_units, parse_amount
from expenses_service.currencies.rules import CURRENCIES
from expenses_service.expenses import fields
from expenses_service.expenses.models import Kind, PaymentMethod
from expenses_service.expenses.rules import DEFAULT_CATEGORY
from expenses_service.json_text import parse_text
from expenses_service.transfer.cells import unguarded

Cell = str | int | None
Rule = Callable[[Any], Cell]

EMPTY: Final[Mapping[str, Cell]] = {
    "merchant": None,
    "category": DEFAULT_CATEGORY,
    "tags": "{}",
    "payment_method": None,
    "notes": None,
    "metadata": "{}",
    "source": None,
    "external_id": None,
}
"""What null stands for, in the fields that can be it."""

_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})
_KNOWN: Final = 4096
_SHORT: Final = 256
_memory = lru_cache(maxsize=_KNOWN, typed=True)  # typed: True is no 1, though they are equal


def array(texts: Sequence[str]) -> str:
    """The text of a `text[]` (PostgreSQL, section 8.15.2)."""
    return "{" + ",".join(f'"{text.translate(_ESCAPES)}"' for text in texts) + "}"


@_memory
def units(amount: object, currency: str) -> int:
    """Minor units. Raises ValueError, TypeError, KeyError."""
    return minor_units(parse_amount(amount), CURRENCIES[currency])


def _type(kind: Any) -> Callable[[object], Any]:  # noqa: ANN401 - any type that pydantic knows
    return TypeAdapter(kind).validator.validate_python


_day: Final = _type(fields.CivilDate)
_tags: Final = _type(fields.Tags)
_metadata: Final = _type(fields.Metadata)

_TEXTS: Final[Mapping[str, Rule]] = {
    "kind": _type(Kind),
    "currency": _type(fields.CurrencyCode),
    "spent_on": lambda value: _day(value).isoformat(),
    "description": _type(fields.Description),
    "merchant": _type(fields.Merchant),
    "category": _type(fields.Slug),
    "payment_method": _type(PaymentMethod),
    "notes": _type(fields.Notes),
    "source": _type(fields.Source),
    "external_id": _type(fields.ExternalId),
}
_DOCUMENTS: Final[Mapping[str, Rule]] = {
    "tags": lambda value: array(_tags(value)),
    "metadata": lambda value: json.encode(_metadata(value)).decode(),
}
_DISTINCT: Final = frozenset({"description", "notes", "external_id"})


def of_json(name: str) -> Rule:
    """The rule of a field for values of JSON."""
    if name in _DOCUMENTS:
        return _unless(None, name, _DOCUMENTS[name])
    return _remembering(name, _unless(None, name, _TEXTS[name]))


def of_csv(name: str) -> Rule:
    """The rule of a field for cells of CSV."""
    if name in _DOCUMENTS:
        document = _DOCUMENTS[name]
        return _remembering(name, _unless("", name, lambda text: document(parse_text(text))))
    rule = _TEXTS[name]
    return _remembering(name, _unless("", name, lambda text: rule(unguarded(text))))


def _unless(empty: str | None, name: str, rule: Rule) -> Rule:
    """`rule`, but for what stands for null where a field can be it."""
    if name not in EMPTY:
        return rule
    null = EMPTY[name]
    return lambda value: null if value == empty else rule(value)


def _remembering(name: str, rule: Rule) -> Rule:
    """`rule`, and what it said of good values; these are short, but for JSON in a cell."""
    if name in _DISTINCT:
        return rule
    known = _memory(rule)
    if name not in _DOCUMENTS:
        return known
    return lambda text: known(text) if len(text) <= _SHORT else rule(text)
