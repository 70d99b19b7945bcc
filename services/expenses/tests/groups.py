"""Creates of many users as they come to one process, and what stands in their way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.changes.models import change_log
from expenses_service.changes.repository import lock_user
from expenses_service.database import Database
from expenses_service.direct import Direct
from expenses_service.expenses.group_commit import GroupCommit
from expenses_service.expenses.recording import New, Outcome, Sent, record_free
from tests.recorders import ADA, BOB, known
from tests.tokens import user_id

USERS = [ADA, BOB, *map(user_id, range(3, 160))]
CY, DAN, EVE = USERS[2:5]

Statement = Callable[[Direct, Sequence[Sent]], Awaitable[Outcome]]


@asynccontextmanager
async def grouping(database: Database) -> AsyncIterator[GroupCommit]:
    """What one process has for USERS, who have rows."""
    await known(database, USERS)
    direct = Direct(database.connect, size=8)
    group = GroupCommit(direct)
    yield group
    await group.close()
    await direct.close()


def ask(group: GroupCommit, *asked: tuple[UUID, New]) -> list[asyncio.Task[bool]]:
    """As many requests, in this order."""
    return [asyncio.create_task(group.record(user, each)) for user, each in asked]


@asynccontextmanager
async def held(database: Database, user: UUID) -> AsyncIterator[AsyncConnection]:
    """Nobody else can write for the user in this block."""
    async with database.transaction() as connection:
        await lock_user(connection, user)
        yield connection


async def log_of(database: Database, user: UUID) -> list[tuple[int, UUID]]:
    """Numbers and ids of what is recorded."""
    async with database.transaction() as connection:
        rows = select(change_log.c.seq, change_log.c.expense_id).where(change_log.c.user_id == user)
        found = await connection.execute(rows.order_by(change_log.c.seq))
        return [(row.seq, row.expense_id) for row in found]


class Gate:
    """A statement that stays where it is until it opens."""

    def __init__(self) -> None:
        self.began: list[int] = []
        self.open = asyncio.Event()

    async def __call__(self, direct: Direct, rows: Sequence[Sent]) -> Outcome:
        """Wait, then do what it has to."""
        self.began.append(len(rows))
        await self.open.wait()
        return await record_free(direct, rows)
