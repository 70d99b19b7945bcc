"""How the log is read."""

from datetime import UTC, datetime

import pytest
from msgspec import json, to_builtins

from expenses_service.changes.rules import expense_of, is_lost
from tests.ledger import expense


def test_a_snapshot_gives_back_what_was_written() -> None:
    full = expense(
        merchant="M", tags=["a"], metadata={"k": "v"}, source="bank", external_id="7",
        deleted_at=datetime(2026, 5, 31, 23, 59, 59, 999999, UTC),
    )  # fmt: skip
    assert expense_of(json.decode(json.encode(full))) == full


def test_a_snapshot_of_another_release_is_an_expense_of_today() -> None:
    """A field that came later is empty, and one that is gone is left out."""
    row = expense()
    snapshot = to_builtins(row) | {"colour": "red"}
    later = ("merchant", "tags", "payment_method", "notes", "metadata", "source", "external_id")
    for name in (*later, "deleted_at"):
        del snapshot[name]
    assert expense_of(snapshot) == row


def test_snapshots_share_no_empty_values() -> None:
    snapshot = to_builtins(expense())
    del snapshot["tags"], snapshot["metadata"]
    expense_of(snapshot).tags.append("mine")
    expense_of(snapshot).metadata["mine"] = "1"
    assert (expense_of(snapshot).tags, expense_of(snapshot).metadata) == ([], {})


@pytest.mark.parametrize(
    ("since", "seq", "log_start", "lost"),
    [
        (0, 0, 0, False),
        (1, 0, 0, True),
        (0, 5, 0, False),
        (5, 5, 0, False),
        (6, 5, 0, True),
        (2, 5, 3, True),
        (3, 5, 3, False),
        (0, 5, 3, False),
    ],
)
def test_where_the_log_leads_on(since: int, seq: int, log_start: int, *, lost: bool) -> None:
    assert is_lost(since, seq, log_start) is lost
