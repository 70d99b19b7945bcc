"""Expenses put straight into the database, by the writer that the service itself uses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg

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


_FLOOD: Final = """
WITH made AS (
  INSERT INTO expenses (id, user_id, kind, amount, currency, spent_on, description, category, notes,
    version, created_at, updated_at)
  SELECT uuidv7(), $1, 'expense', n, 'EUR', '2026-05-31', 'Lunch ' || n, 'food', $3, 1, now(), now()
  FROM generate_series(1, $2::bigint) AS n
  RETURNING *),
logged AS (
  INSERT INTO change_log (user_id, seq, expense_id, action, version, at, snapshot)
  SELECT user_id, amount, id, 'created', 1, created_at, to_jsonb(made) - 'user_id' FROM made),
rolled AS (
  INSERT INTO rollups (user_id, month, category, currency, kind, n, total)
  SELECT $1, '2026-05-01', 'food', 'EUR', 'expense', count(*), coalesce(sum(amount), 0)
  FROM made)
INSERT INTO user_state (user_id, seq) VALUES ($1, $2)
"""


async def flood(owner_url: str, user: UUID, count: int, notes: str | None = None) -> None:
    """`count` new expenses of a user who has none: 1, 2, 3 … cents, all in food and of one day."""
    async with flooding(owner_url, user, count, notes):
        pass


@asynccontextmanager
async def flooding(
    owner_url: str, user: UUID, count: int, notes: str | None = None
) -> AsyncIterator[None]:
    """The same; while the block runs they are written and not yet committed."""
    connection = await asyncpg.connect(owner_url)
    try:
        async with connection.transaction():
            await connection.execute(_FLOOD, user, count, notes)
            yield
    finally:
        await connection.close()
