"""The types of an expense's fields as clients write them, each with the code of its refusal."""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from expenses_service.currencies.money import TEXT_PATTERN, AmountError, parse_amount
from expenses_service.currencies.rules import find_currency, nearest_code
from expenses_service.text import line, lines

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


def _count(value: object) -> object:
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


def _length(most: int) -> StringConstraints:
    """From 1 to `most` code points."""
    return StringConstraints(strict=True, min_length=1, max_length=most)


Amount = Annotated[
    Decimal,
    BeforeValidator(_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": TEXT_PATTERN, "maxLength": 40},
                {"type": "number", "exclusiveMinimum": 0},
            ],
            "description": "Greater than zero, with at most the decimals of the currency.",
        }
    ),
]
CurrencyCode = Annotated[
    str,
    Field(strict=True),
    AfterValidator(_currency),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217"}),
]
CivilDate = Annotated[
    date,
    BeforeValidator(_civil_date),
    WithJsonSchema({"type": "string", "format": "date"}),
]
Count = Annotated[int, BeforeValidator(_count, json_schema_input_type=int)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Description = Annotated[str, _length(200), AfterValidator(line)]
Merchant = Annotated[str, _length(120), AfterValidator(line)]
Notes = Annotated[str, _length(2000), AfterValidator(lines)]
Source = Annotated[str, _length(40), AfterValidator(line)]
ExternalId = Annotated[str, _length(120), AfterValidator(line)]
Slug = Annotated[str, _length(64), AfterValidator(line)]
Tag = Annotated[str, _length(MAX_TAG), AfterValidator(line), AfterValidator(_tag)]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS), AfterValidator(_distinct)]
MetadataKey = Annotated[str, _length(40), AfterValidator(line)]
MetadataValue = Annotated[str, StringConstraints(strict=True, max_length=500), AfterValidator(line)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=MAX_METADATA)]
MetadataChanges = Annotated[
    dict[MetadataKey, MetadataValue | None], Field(max_length=2 * MAX_METADATA)
]
