"""A recorder of new expenses, what it records and what came of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from msgspec.structs import replace as with_fields
from sqlalchemy import select

from expenses_service.changes.statements import ADD_USER
from expenses_service.database import Database
from expenses_service.direct import Direct
from expenses_service.expenses.documents import created
from expenses_service.expenses.models import expenses
from expenses_service.expenses.recording import New
from expenses_service.expenses.sharing import Recorder
from expenses_service.idempotency.models import KeyedRequest
from tests.records import expense as made
from tests.tokens import user_id

ADA, BOB = user_id(1), user_id(2)


def new(key: str | None = None, user: UUID = ADA, **fields: Any) -> New:  # noqa: ANN401 - what a row has
    row = with_fields(made(1250, "EUR", "2026-05-31", category="other"), **fields)
    request = key and KeyedRequest(user, "POST", "/api/v1/expenses", key, b"f" * 16)
    return New(row, request or None, created(row))


@asynccontextmanager
async def recording(database: Database) -> AsyncIterator[Recorder]:
    """A recorder for users who have rows."""
    await known(database, [ADA, BOB])
    direct = Direct(database.connect, size=4)
    recorder = Recorder(direct)
    yield recorder
    await recorder.close()
    await direct.close()


async def known(database: Database, users: Sequence[UUID]) -> None:
    """Give them rows."""
    async with database.transaction() as connection:
        for user in users:
            await connection.exec_driver_sql(ADD_USER, (user,))


def ask(recorder: Recorder, *news: New) -> list[asyncio.Task[bool]]:
    """As many requests, in this order."""
    return [asyncio.create_task(recorder.record(ADA, each)) for each in news]


async def stored(database: Database) -> set[object]:
    async with database.transaction() as connection:
        return set(await connection.scalars(select(expenses.c.id)))
