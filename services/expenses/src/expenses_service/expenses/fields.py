"""The types of an expense's fields as clients write them, each with the code of its refusal."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from expenses_service.currencies.money import TEXT_PATTERN, AmountError, parse_amount
from expenses_service.currencies.rules import find_currency, nearest_code
from expenses_service.text import Line, Lines

FIRST_DAY: Final = date(1900, 1, 1)
LAST_DAY: Final = date(2999, 12, 31)
MAX_TAGS: Final = 20
MAX_METADATA: Final = 50

_DATE_FORM: Final = "####-##-##"


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
    if isinstance(value, date):
        return value
    try:
        if not isinstance(value, str) or not value.isascii() or len(value) != len(_DATE_FORM):
            raise ValueError
        day = date(int(value[:4]), int(value[5:7]), int(value[8:]))
        if day.isoformat() != value:
            raise ValueError
    except ValueError:
        raise PydanticCustomError("invalid_date", "must be a date such as 2026-05-31") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise PydanticCustomError("date_range", "must be from 1900-01-01 to 2999-12-31")
    return day


def _tag(value: str) -> str:
    if "," in value:
        raise PydanticCustomError("comma", "must not contain a comma")
    return value.lower()


def _distinct(tags: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(tags))


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
Description = Annotated[Line, StringConstraints(min_length=1, max_length=200)]
Merchant = Annotated[Line, StringConstraints(min_length=1, max_length=120)]
Notes = Annotated[Lines, StringConstraints(min_length=1, max_length=2000)]
Source = Annotated[Line, StringConstraints(min_length=1, max_length=40)]
ExternalId = Annotated[Line, StringConstraints(min_length=1, max_length=120)]
Slug = Annotated[Line, StringConstraints(min_length=1, max_length=64)]
Tag = Annotated[Line, AfterValidator(_tag), StringConstraints(min_length=1, max_length=40)]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS), AfterValidator(_distinct)]
MetadataKey = Annotated[Line, StringConstraints(min_length=1, max_length=40)]
MetadataValue = Annotated[Line, StringConstraints(max_length=500)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=MAX_METADATA)]
MetadataChanges = Annotated[
    dict[MetadataKey, MetadataValue | None], Field(max_length=2 * MAX_METADATA)
]
