"""Which expenses a list, a summary or an export is about."""

from collections.abc import Collection
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from expenses_service.expenses.fields import CivilDate, CurrencyCode, Slug, Tag
from expenses_service.expenses.models import Kind

Item = TypeVar("Item")


def _separated(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


def _settled(values: tuple[str, ...]) -> tuple[str, ...]:
    """Each value once and in one order, so that equal filters are equal."""
    return tuple(sorted(set(values)))


Several = Annotated[
    tuple[Item, ...],
    BeforeValidator(_separated),
    Field(min_length=1, max_length=50),
    AfterValidator(_settled),
    WithJsonSchema({"type": "string", "description": "One value or several, comma-separated."}),
]


class Filters(BaseModel):
    """AND-combined; several values of one filter are alternatives. None does not filter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_: Annotated[CivilDate | None, Field(alias="from", description="First day, inclusive.")] = (
        None
    )
    to: Annotated[CivilDate | None, Field(description="Last day, inclusive.")] = None
    category: Several[Slug] | None = None
    tag: Several[Tag] | None = None
    currency: Several[CurrencyCode] | None = None
    kind: Several[Kind] | None = None

    def canonical(self, *, without: Collection[str] = ()) -> str:
        """The same text for the same parameters in any order, as a query (RFC 3986)."""
        sent = self.model_dump(by_alias=True, exclude_none=True, exclude=set(without))
        return urlencode(sorted((name, _text(value)) for name, value in sent.items()), safe=",")


def _text(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)
