"""Expenses as clients write and read them."""

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.config import JsonDict

from expenses_service.expenses.fields import (
    DIGITS,
    Amount,
    CivilDate,
    CurrencyCode,
    Description,
    ExternalId,
    Flag,
    Merchant,
    Metadata,
    MetadataChanges,
    Notes,
    Slug,
    Source,
    Tags,
)
from expenses_service.expenses.filters import Filters
from expenses_service.expenses.models import Kind, PaymentMethod
from expenses_service.expenses.parameters import Several, one_currency
from expenses_service.expenses.sorting import BY_AMOUNT, SortName

MAX_LIMIT: Final = 200
DEFAULT_LIMIT: Final = 50

_STRICT: Final = ConfigDict(extra="forbid", frozen=True)
_BOTH_NAMES_OR_NONE: Final[JsonDict] = {
    "if": {"required": ["source"], "properties": {"source": {"type": "string"}}},
    "then": {"required": ["external_id"], "properties": {"external_id": {"type": "string"}}},
    "else": {"properties": {"external_id": {"type": "null"}}},
}


class ExpenseDraft(BaseModel):
    """A new expense. `null` is as good as absent, where it is allowed."""

    model_config = ConfigDict(**_STRICT, json_schema_extra=_BOTH_NAMES_OR_NONE)

    kind: Kind = "expense"
    amount: Amount
    currency: CurrencyCode
    spent_on: Annotated[CivilDate | None, Field(description="Default: today, where you are.")] = (
        None
    )
    description: Description
    merchant: Merchant | None = None
    category: Annotated[Slug | None, Field(description="Default: other.")] = None
    tags: Tags | None = None
    payment_method: PaymentMethod | None = None
    notes: Notes | None = None
    metadata: Metadata | None = None
    source: Source | None = None
    external_id: ExternalId | None = None

    def fields(self) -> dict[str, Any]:
        """What was sent, by name, in the order of the model."""
        sent = self.model_fields_set
        return {name: value for name, value in self.__dict__.items() if name in sent}


class ExpenseChanges(BaseModel):
    """A JSON Merge Patch (RFC 7396): absent keeps, null clears; metadata is merged by key."""

    model_config = ConfigDict(
        **_STRICT, json_schema_extra={"dependentRequired": {"currency": ["amount"]}}
    )

    kind: Kind = "expense"
    amount: Annotated[Amount, Field(default=None)]
    currency: Annotated[CurrencyCode, Field(default=None, description="Only with an amount.")]
    spent_on: Annotated[CivilDate, Field(default=None)]
    description: Annotated[Description, Field(default=None)]
    merchant: Merchant | None = None
    category: Annotated[Slug | None, Field(description="Cleared: other.")] = None
    tags: Tags | None = None
    payment_method: PaymentMethod | None = None
    notes: Notes | None = None
    metadata: MetadataChanges | None = None
    source: Source | None = None
    external_id: ExternalId | None = None

    def fields(self) -> dict[str, Any]:
        """What was sent, by name, in the order of the model."""
        sent = self.model_fields_set
        return {name: value for name, value in self.__dict__.items() if name in sent}


class ExternalPath(BaseModel):
    """The end of the path of a PUT."""

    model_config = _STRICT

    source: Source
    external_id: ExternalId


class PutQuery(BaseModel):
    """The parameters of a PUT."""

    model_config = _STRICT

    revive: Annotated[Flag, Field(description="Bring a deleted match back.")] = False


class ListQuery(Filters):
    """The parameters of a list."""

    sort: Annotated[
        SortName,
        Field(description="`-` is descending; by amount needs exactly one currency. Ties by id."),
    ] = "-spent_on"
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Items of a page."), DIGITS] = (
        DEFAULT_LIMIT
    )
    cursor: Annotated[str | None, Field(description="`next_cursor` of the page before.")] = None
    include: Annotated[
        Several[Literal["total"]] | None,
        Field(description="`total`: how many expenses pass the filters, on all pages."),
    ] = None

    @field_validator("sort")
    @classmethod
    def _amounts_compare(cls, value: SortName, info: ValidationInfo) -> SortName:
        if value in BY_AMOUNT:
            one_currency(info)
        return value

    def scope(self) -> str:
        """What a cursor is bound to beside its user: filters and order."""
        return self.canonical(without={"limit", "cursor", "include"})


class ExpenseOut(BaseModel):
    """An expense; every field is always there."""

    id: UUID
    kind: Kind
    amount: Annotated[str, Field(description="Padded to the currency's exponent (ISO 4217).")]
    currency: str
    spent_on: date
    description: str
    merchant: str | None
    category: str
    tags: list[str]
    payment_method: PaymentMethod | None
    notes: str | None
    metadata: dict[str, str]
    source: str | None
    external_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class ExpenseList(BaseModel):
    """A page of expenses."""

    items: list[ExpenseOut]
    next_cursor: str | None
    total: Annotated[int, Field(default=None, description="Only with include=total.")]
