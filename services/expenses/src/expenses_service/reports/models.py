"""A summary as it is asked for and as it comes out, in minor units."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class GroupKey(StrEnum):
    """What a summary can be grouped by."""

    CATEGORY = "category"
    TAG = "tag"
    MERCHANT = "merchant"
    PAYMENT_METHOD = "payment_method"
    KIND = "kind"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Line:
    """One group or total: `values` stand for the keys in the order asked, `total` is signed.

    A value is None where an expense has none: without tag, merchant or payment method.
    """

    values: tuple[str | None, ...]
    currency: str
    total: int
    count: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Groups and totals, and the data version that they were read with."""

    version: int
    groups: Sequence[Line]
    totals: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Span:
    """The days asked for, both included; None is open."""

    first: date | None
    last: date | None
