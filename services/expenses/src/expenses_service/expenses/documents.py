"""An expense as clients see it, as bytes."""

from collections.abc import Sequence
from typing import Any

from msgspec import json
from msgspec.structs import asdict

from expenses_service.currencies.money import amount_text
from expenses_service.expenses.models import Expense


def document(expense: Expense) -> dict[str, Any]:
    """Every field, null when empty; the amount padded, the metadata in one order."""
    return {
        **asdict(expense),
        "amount": amount_text(expense.amount, expense.currency),
        "metadata": dict(sorted(expense.metadata.items())),
    }


def expense_body(expense: Expense) -> bytes:
    """One expense; instants end in `Z`."""
    return json.encode(document(expense))


def page_body(expenses: Sequence[Expense], next_cursor: str | None) -> bytes:
    """A page of a list and the cursor of the next one."""
    items = [document(expense) for expense in expenses]
    return json.encode({"items": items, "next_cursor": next_cursor})


def etag(expense: Expense) -> str:
    """The entity tag of one expense: its version."""
    return f'"{expense.version}"'
