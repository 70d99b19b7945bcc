"""The parameters and the document of a summary."""

from difflib import get_close_matches
from itertools import islice
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
from expenses_service.reports.rules import MAX_FILLED, MAX_GROUPS, MONTHLY, PERIODS, periods

MAX_KEYS: Final = 2


def _keys(value: object) -> tuple[str, ...]:
    """Comma-separated, one or two, none twice."""
    names = str(value).split(",")
    known = [key.value for key in GroupKey]
    unknown = [name for name in names if name not in known]
    if unknown:
        near = get_close_matches(unknown[0][:64], known, n=1)
        told = {"suggestion": near[0] if near else None}
        raise PydanticCustomError("invalid_group_by", "must be of " + ", ".join(known), told)
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
        }
    ),
]


class SummaryQuery(Filters):
    """The list's filters, what to group by, and whether to name the periods without expenses."""

    group_by: Annotated[
        GroupBy,
        Field(
            description="One or two keys; weeks are those of ISO 8601. An expense counts under each"
            f" of its tags, untagged under null. A summary has at most {MAX_GROUPS:,} groups.",
            examples=[["category", "month"]],
        ),
    ]
    fill: Annotated[
        Literal["zero"] | None,
        Field(
            description="Add a zero for each period without expenses, for each other key and"
            " currency in the summary; of two periods, those that share a day. Needs a period in"
            f" group_by, from and to. A summary has at most {MAX_FILLED:,} groups then."
        ),
    ] = None

    @field_validator("fill")
    @classmethod
    def _fill_is_bounded(cls, value: str | None, info: ValidationInfo) -> str | None:
        given = info.data
        if not {"group_by", "from_", "to"} <= given.keys():
            return value  # what is wrong with those is said
        keys = [key for key in given["group_by"] if key in PERIODS]
        if not keys:
            raise PydanticCustomError("invalid_fill", "needs a period in group_by")
        if given["from_"] is None or given["to"] is None:
            raise PydanticCustomError("invalid_fill", "needs from and to")
        within = periods(keys, Span(given["from_"], given["to"]))
        if next(islice(within, MAX_FILLED, None), None) is not None:
            raise PydanticCustomError("too_many_groups", f"spans more than {MAX_FILLED:,} periods")
        return value

    @property
    def span(self) -> Span:
        """The days that are summed."""
        return Span(self.from_, self.to)

    def rollups_suffice(self) -> bool:
        """Whether the monthly sums hold all that is asked for."""
        return self.monthly() and MONTHLY.issuperset(self.group_by)


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
