"""The parameters and the document of a summary."""

from typing import Annotated, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from expenses_service.expenses.filters import Filters
from expenses_service.reports.models import GroupKey, Span
from expenses_service.reports.rules import PERIODS, months

MAX_KEYS = 2
MAX_PERIODS = 1200


def _keys(value: object) -> tuple[str, ...]:
    """Comma-separated, one or two, none twice."""
    names = str(value).split(",")
    known = [key.value for key in GroupKey]
    if any(name not in known for name in names):
        raise PydanticCustomError("invalid_group_by", "must be of " + ", ".join(known))
    if len(names) > MAX_KEYS or len(set(names)) < len(names):
        raise PydanticCustomError("invalid_group_by", "must be one or two different keys")
    return tuple(names)


GroupBy = Annotated[
    tuple[GroupKey, ...],
    BeforeValidator(_keys),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "string", "enum": list(GroupKey)},
            "minItems": 1,
            "maxItems": MAX_KEYS,
            "uniqueItems": True,
            "description": "One or two; the groups come in their order.",
            "examples": [["category", "month"]],
        }
    ),
]


class SummaryQuery(Filters):
    """The list's filters, what to group by, and whether to name the periods without expenses."""

    group_by: GroupBy
    fill: Annotated[
        Literal["zero"] | None,
        Field(description="Add a zero for each period without expenses; needs from and to."),
    ] = None

    @field_validator("fill")
    @classmethod
    def _fill_is_bounded(cls, value: str | None, info: ValidationInfo) -> str | None:
        given = info.data
        if not PERIODS.intersection(given.get("group_by", PERIODS)):
            raise PydanticCustomError("invalid_fill", "needs a period in group_by")
        if given.get("from_") is None or given.get("to") is None:
            raise PydanticCustomError("invalid_fill", "needs from and to")
        if len(months(given["from_"], given["to"])) > MAX_PERIODS:
            raise PydanticCustomError("invalid_fill", "spans at most 1,200 months")
        return value

    @property
    def span(self) -> Span:
        """The days that are summed."""
        return Span(self.from_, self.to)

    def rollups_suffice(self) -> bool:
        """Whether the monthly sums hold all that is asked for."""
        return self.monthly()


class GroupOut(BaseModel):
    """One group in one currency; `key` has a member for each of `group_by`."""

    key: dict[GroupKey, str | None]
    currency: str
    total: str = Field(examples=["-12.50"])
    count: int


class TotalOut(BaseModel):
    """All expenses in one currency, each counted once, refunds subtracted."""

    currency: str
    total: str = Field(examples=["1250.00"])
    count: int


class SummaryOut(BaseModel):
    """Groups by key in the order of `group_by`, then by currency; totals by currency."""

    groups: list[GroupOut]
    totals: list[TotalOut]


EXAMPLE: Final = {
    "groups": [
        {
            "key": {"category": "food", "month": "2026-05"},
            "currency": "EUR",
            "total": "12.50",
            "count": 1,
        }
    ],
    "totals": [{"currency": "EUR", "total": "12.50", "count": 1}],
}
