"""The types of an expense's fields as clients write them, each with the code of its refusal."""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from expenses_service.categories.rules import SLUG_PATTERN
from expenses_service.currencies.money import (
    MAX_MINOR_UNITS,
    MAX_TEXT,
    TEXT_PATTERN,
    AmountError,
    parse_amount,
)
from expenses_service.currencies.rules import CURRENCIES, find_currency, nearest_code
from expenses_service.text import AS_LINE, AS_LINES, CONTROLS, LINE_PATTERN, line, lines, pattern

FIRST_DAY: Final = date(1900, 1, 1)
LAST_DAY: Final = date(2999, 12, 31)
MAX_TAGS: Final = 20
MAX_TAG: Final = 40
MAX_METADATA: Final = 50

_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _amount(value: object) -> Decimal:
    try:
        return parse_amount(value)
    except AmountError as error:
        raise PydanticCustomError(error.code, "{detail}", {"detail": error.detail}) from None


def _currency(code: str) -> str:
    if find_currency(code) is None:
        raise PydanticCustomError(
            "unknown_currency",
            "is not the upper-case code of an active ISO 4217 currency",
            {"suggestion": nearest_code(code[:16])},
        )
    return code


def _civil_date(value: object) -> date:
    refusal = PydanticCustomError("invalid_date", "must be a date such as 2026-05-31")
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise refusal
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise refusal from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise PydanticCustomError("date_range", "must be from 1900-01-01 to 2999-12-31")
    return day


def _digits(value: object) -> object:
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise PydanticCustomError("int_parsing", "must be a number of digits only")
    return value


def _flag(value: object) -> bool:
    if value not in {"true", "false", True, False}:
        raise PydanticCustomError("bool_parsing", "must be true or false")
    return value in {"true", True}


def _tag(value: str) -> str:
    if "," in value:
        raise PydanticCustomError("comma", "must not contain a comma")
    lowered = value.lower()
    if len(lowered) > MAX_TAG:
        raise PydanticCustomError(
            "string_too_long", "must have at most 40 characters in lower case"
        )
    return lowered


def _distinct(tags: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(tags))


def _names_are_lines(schema: dict[str, Any]) -> None:
    schema["propertyNames"]["pattern"] = LINE_PATTERN


def _length(most: int) -> StringConstraints:
    """From 1 to `most` code points."""
    return StringConstraints(strict=True, min_length=1, max_length=most)


Amount = Annotated[
    Decimal,
    BeforeValidator(_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": TEXT_PATTERN, "maxLength": MAX_TEXT},
                {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_MINOR_UNITS},
            ],
            "description": "Greater than zero, with at most the decimals of the currency and at"
            " most 15 digits in its minor units; as a number, with at most 15 significant digits.",
        }
    ),
]
CurrencyCode = TypeAliasType(
    "CurrencyCode",
    Annotated[
        str,
        Field(strict=True),
        AfterValidator(_currency),
        WithJsonSchema(
            {
                "type": "string",
                "enum": list(CURRENCIES),
                "description": "An active currency with a minor unit (ISO 4217).",
            }
        ),
    ],
)
CivilDate = Annotated[
    date,
    BeforeValidator(_civil_date),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date",
            "pattern": "^(19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}$",
            "description": "A day from 1900-01-01 to 2999-12-31.",
        }
    ),
]
DIGITS: Final = BeforeValidator(_digits)
"""For an integer of a query, after its limits."""
Flag = Annotated[bool, BeforeValidator(_flag)]
Description = Annotated[str, _length(200), AfterValidator(line), AS_LINE]
Merchant = Annotated[str, _length(120), AfterValidator(line), AS_LINE]
Notes = Annotated[str, _length(2000), AfterValidator(lines), AS_LINES]
Source = Annotated[str, _length(40), AfterValidator(line), AS_LINE]
ExternalId = Annotated[str, _length(120), AfterValidator(line), AS_LINE]
Slug = Annotated[
    str,
    _length(64),
    AfterValidator(line),
    Field(json_schema_extra={"pattern": SLUG_PATTERN}),  # another text is no category's
]
Tag = Annotated[
    str,
    _length(MAX_TAG),
    AfterValidator(line),
    AfterValidator(_tag),
    Field(json_schema_extra={"pattern": pattern(CONTROLS, without=",")}),
]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS), AfterValidator(_distinct)]
MetadataKey = Annotated[str, _length(40), AfterValidator(line)]
MetadataValue = Annotated[
    str,
    StringConstraints(strict=True, max_length=500),
    AfterValidator(line),
    Field(json_schema_extra={"pattern": f"^$|{LINE_PATTERN}"}),
]
Metadata = Annotated[
    dict[MetadataKey, MetadataValue],
    Field(max_length=MAX_METADATA, json_schema_extra=_names_are_lines),
]
MetadataChanges = Annotated[
    dict[MetadataKey, MetadataValue | None],
    Field(max_length=2 * MAX_METADATA, json_schema_extra=_names_are_lines),
]
