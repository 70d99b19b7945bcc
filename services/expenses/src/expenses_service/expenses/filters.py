"""Which expenses a list, a summary or an export is about."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, cached_property
from typing import Annotated, Final, Literal
from urllib.parse import quote_plus

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from expenses_service.currencies.money import AmountError, amount_text, minor_units
from expenses_service.currencies.rules import CURRENCIES
from expenses_service.expenses.fields import CivilDate, CurrencyCode, Merchant, Tag
from expenses_service.expenses.models import Kind, PaymentMethod
from expenses_service.expenses.parameters import (
    Bound,
    Instant,
    Name,
    Names,
    Several,
    Words,
    one_currency,
)

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~,-]*")


class Filters(BaseModel):
    """AND-combined; several values of one filter are alternatives. None does not filter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_: Annotated[CivilDate | None, Field(alias="from", description="First day, inclusive.")] = (
        None
    )
    to: Annotated[CivilDate | None, Field(description="Last day, inclusive.")] = None
    category: Annotated[
        Several[Name] | None, Field(description="One of these.", examples=[["food", "travel"]])
    ] = None
    tag: Annotated[Several[Tag] | None, Field(description="See tag_mode.")] = None
    tag_mode: Annotated[
        Literal["any", "all"] | None,
        Field(description="`any`: one of the tags will do (default); `all`: none may be missing."),
    ] = None
    currency: Annotated[
        Several[CurrencyCode] | None, Field(description="One of these.", examples=[["EUR"]])
    ] = None
    kind: Annotated[Several[Kind] | None, Field(description="One of these.")] = None
    merchant: Annotated[
        Names[Merchant] | None,
        Field(
            description="One of these, exactly; a comma before a space is part of a name.",
            examples=[["Trattoria Da Enzo", "Aubergine, Inc."]],
        ),
    ] = None
    payment_method: Annotated[Several[PaymentMethod] | None, Field(description="One of these.")] = (
        None
    )
    min_amount: Annotated[
        Bound | None, Field(description="Smallest amount, inclusive; needs exactly one currency.")
    ] = None
    max_amount: Annotated[
        Bound | None, Field(description="Largest amount, inclusive; needs exactly one currency.")
    ] = None
    q: Annotated[
        Words | None,
        Field(
            description="Words in description, merchant and notes: all of them, the last one as the"
            " beginning of a word. Letter case, accents and punctuation do not count.",
            examples=["taxi air"],
        ),
    ] = None
    updated_since: Annotated[
        Instant | None,
        Field(
            description="Changed then or later (RFC 3339). /changes tells of deletions too.",
            examples=["2026-05-31T12:00:00Z"],
        ),
    ] = None

    @field_validator("min_amount", "max_amount")
    @classmethod
    def _in_the_one_currency(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        code = one_currency(info)
        if code is None:
            return value
        try:
            return Decimal(amount_text(minor_units(value, CURRENCIES[code]), code))
        except AmountError as error:
            raise PydanticCustomError(error.code, "{detail}", {"detail": error.detail}) from None

    def canonical(self, *, without: Collection[str] = ()) -> str:
        """The same text for the same parameters in any order, as a query (RFC 3986)."""
        return "&".join(part for name, part in self.parts.items() if name not in without)

    @cached_property
    def parts(self) -> Mapping[str, str]:
        """What is asked for, each as `name=value`, in the order of the names."""
        given = self.__dict__
        return {
            alias: f"{alias}={_quoted(_text(given[name]))}"
            for alias, name in _names(type(self))
            if given[name] is not None
        }

    def monthly(self) -> bool:
        """Whether the sums of whole months by category, currency and kind tell all of it."""
        asked = {name for name in Filters.model_fields if getattr(self, name) is not None}
        whole = {"from_", "to", "category", "currency", "kind"}
        return asked <= whole and _whole_months(self.from_, self.to)


@cache
def _names(model: type[Filters]) -> Sequence[tuple[str, str]]:
    return sorted((field.alias or name, name) for name, field in model.model_fields.items())


def _whole_months(first: date | None, last: date | None) -> bool:
    begins = first is None or first.day == 1
    return begins and (last is None or (last + timedelta(days=1)).day == 1)


def _quoted(text: str) -> str:
    """Most values are what they were; to find that out by quoting takes four times as long."""
    return text if _PLAIN.fullmatch(text) else quote_plus(text, safe=",")


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return ",".join(value) if isinstance(value, tuple) else str(value)
