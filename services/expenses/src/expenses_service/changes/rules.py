"""How the log is read: what a snapshot stands for today, and where a caller may go on."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import convert

from expenses_service.expenses.models import Expense

_MAY_BE_ABSENT: Final[Mapping[str, Any]] = {
    "merchant": None,
    "tags": [],
    "payment_method": None,
    "notes": None,
    "metadata": {},
    "source": None,
    "external_id": None,
    "deleted_at": None,
}
"""What a field that a release adds is in snapshots that are older: its empty value."""


PART_BYTES: Final = 1024 * 1024
"""Snapshots that are read at once, as text, and the one that goes beyond; the first in any case.

One may have 117 KB: hundreds of such come to more than there is memory.
"""
PAGE_BYTES: Final = 4 * PART_BYTES
"""The same for a page of the feed, which then leads on before its `limit`."""


def expense_of(snapshot: Mapping[str, Any]) -> Expense:
    """A version as an expense of today: later fields are empty, fields that are gone left out."""
    return convert({**_MAY_BE_ABSENT, **snapshot}, Expense)


def is_lost(since: int, seq: int, log_start: int) -> bool:
    """Whether the log cannot lead on from `since`.

    It is above the last change `seq`, or changes up to `log_start` were erased and the caller may
    hold some of them. At 0 he holds nothing, so the log after the erasure is all that he needs.
    """
    return since > seq or 0 < since < log_start
