"""The types of a query's parameters as clients write them, each with the code of its refusal."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from expenses_service.currencies.money import MAX_TEXT, TEXT_PATTERN
from expenses_service.expenses.fields import Amount
from expenses_service.text import AS_LINE, CONTROLS, line, pattern

Item = TypeVar("Item")

MAX_VALUES: Final = 50
MAX_QUERY: Final = 200

_COMMA: Final = re.compile(",(?! )")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _separated(value: object) -> object:
    return _few(value.split(",")) if isinstance(value, str) else value


def _separated_names(value: object) -> object:
    """A comma before a space is part of a name: `Aubergine, Inc.`."""
    return _few(_COMMA.split(value)) if isinstance(value, str) else value


def _few(values: list[str]) -> list[str]:
    """Counted before any is looked at: what is near to a wrong one takes a while to find."""
    if len(values) > MAX_VALUES:
        raise PydanticCustomError("too_long", f"must have at most {MAX_VALUES} values")
    return values


def _settled(values: tuple[str, ...]) -> tuple[str, ...]:
    """Each value once and in one order, so that equal filters are equal."""
    return tuple(sorted(set(values)))


def _instant(value: object) -> datetime:
    """In UTC; digits beyond microseconds are cut off."""
    refusal = PydanticCustomError("invalid_instant", "must be such as 2026-05-31T12:00:00Z")
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise refusal
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise refusal from None


def _has_words(value: str) -> str:
    if not any(map(str.isalnum, value)):
        raise PydanticCustomError("no_words", "must have a letter or a digit to look for")
    return value


def one_currency(info: ValidationInfo) -> str | None:
    """The one currency that is asked for; None when what was sent for it is not valid.

    Raises PydanticCustomError when there is none, or more than one.
    """
    if "currency" not in info.data:
        return None
    currencies: tuple[str, ...] = info.data["currency"] or ()
    if len(currencies) != 1:
        raise PydanticCustomError(
            "currency_required", "needs exactly one currency, such as currency=EUR"
        )
    return currencies[0]


def _values(pattern: str | None = None) -> FieldInfo:
    """For the specification: how many values, and of which pattern when not that of their kind."""

    def tell(schema: dict[str, Any]) -> None:
        schema |= {"minItems": 1, "maxItems": MAX_VALUES}
        if pattern is not None:
            schema["items"]["pattern"] = pattern

    told: FieldInfo = Field(json_schema_extra=tell)
    return told


Several = Annotated[
    tuple[Item, ...], BeforeValidator(_separated), AfterValidator(_settled), _values()
]
Names = Annotated[
    tuple[Item, ...],
    BeforeValidator(_separated_names),
    AfterValidator(_settled),
    _values(pattern(CONTROLS, without=",", but=", ")),
]
Name = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=64),
    AfterValidator(line),
    Field(json_schema_extra={"pattern": pattern(CONTROLS, without=",")}),
]
Bound = Annotated[
    Amount, WithJsonSchema({"type": "string", "pattern": TEXT_PATTERN, "maxLength": MAX_TEXT})
]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": f"^{_INSTANT.pattern}$"}),
]
Words = Annotated[
    str,
    Field(min_length=1, max_length=MAX_QUERY),
    AfterValidator(line),
    AfterValidator(_has_words),
    AS_LINE,
]
