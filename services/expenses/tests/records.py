"""Expenses put straight into the database, by the writer that the service itself uses."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from expenses_service.changes.repository import insert_expenses, lock_user
from expenses_service.database import Database
from expenses_service.expenses.models import Expense


def expense(
    amount: int, currency: str, day: date | str, category: str = "food", **more: object
) -> Expense:
    """A new expense of `amount` minor units; everything else has a plain value."""
    now = datetime.now(UTC)
    values: dict[str, Any] = dict.fromkeys(Expense.__struct_fields__)
    values |= {"id": uuid4(), "kind": "expense", "description": "x", "tags": [], "metadata": {}}
    values |= {"version": 1, "created_at": now, "updated_at": now}
    values |= {"amount": amount, "currency": currency, "category": category}
    values["spent_on"] = date.fromisoformat(day) if isinstance(day, str) else day
    return Expense(**values | more)


async def record(database: Database, user: UUID, *rows: Expense) -> None:
    """Write `rows` as new expenses of `user`."""
    async with database.transaction() as connection:
        await lock_user(connection, user)
        await insert_expenses(connection, user, rows)
