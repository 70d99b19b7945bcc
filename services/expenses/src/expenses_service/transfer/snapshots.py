"""A user's expenses as they were at one moment, read as slowly as somebody likes.

The moment's snapshot is held for as long as it takes to pin the versions that are wanted. A reader
that is slow, or stops, then keeps neither a transaction nor a connection to Postgres.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.downloads.asking import ask
from expenses_service.downloads.errors import TransferCut
from expenses_service.expenses.models import Expense
from expenses_service.resources import Resources
from expenses_service.transfer import repository
from expenses_service.transfer.pins import Pins

# Together less than the 10 s that the gateway waits for the first byte.
FIRST_TURN_SECONDS: Final = 1.5
PIN_SECONDS: Final = 8.0
READ_AT_ONCE: Final = 250
"""Expenses, if that many fit into a part (changes/rules.py)."""


@asynccontextmanager
async def held(resources: Resources) -> AsyncIterator[AsyncConnection]:
    """A transaction that sees one state and may take as long as it takes to pin.

    Raises Unavailable, also when others are at work.
    """
    async with (
        resources.downloads.turn(FIRST_TURN_SECONDS),
        resources.database.transaction(seconds=PIN_SECONDS) as connection,
    ):
        await repository.hold_snapshot(connection)
        yield connection


async def pin(connection: AsyncConnection, wanted: Select[UUID, int]) -> Pins:
    """The ids and versions that `wanted` finds, in its order."""
    pins = Pins()
    try:
        async for some in repository.pins(connection, wanted):
            pins.add(some)
    except BaseException:
        pins.close()
        raise
    return pins


async def read(resources: Resources, user_id: UUID, pins: Pins) -> AsyncIterator[list[Expense]]:
    """The user's pinned versions, some at a time.

    Raises TransferCut when one was erased meanwhile, or when Postgres stays away.
    """
    at, size = 0, READ_AT_ONCE
    while some := pins.part(at, size):
        images = await ask(resources, partial(repository.images, user_id=user_id, pinned=some))
        if not images:
            raise TransferCut
        yield images
        at += len(images)
        size = min(READ_AT_ONCE, 2 * len(images))  # more than fit would be read in vain
