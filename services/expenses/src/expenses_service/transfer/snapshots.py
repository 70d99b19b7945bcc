"""A user's expenses as they were at one moment, read as slowly as somebody likes.

The moment's snapshot is held for as long as it takes to pin the versions that are wanted. A reader
that is slow, or stops, then keeps neither a transaction nor a connection to Postgres.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.errors import Unavailable
from expenses_service.expenses.models import Expense
from expenses_service.resources import Resources
from expenses_service.transfer import repository
from expenses_service.transfer.errors import TransferCut
from expenses_service.transfer.pins import Pins

# Together less than the 10 s that the gateway waits for the first byte.
FIRST_TURN_SECONDS: Final = 1.5
PIN_SECONDS: Final = 8.0
NEXT_TURN_SECONDS: Final = 10.0  # all who are at work may be pinning
READ_AT_ONCE: Final = 250


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


@asynccontextmanager
async def batch(resources: Resources) -> AsyncIterator[AsyncConnection]:
    """A transaction for the next part of a body that has begun. Raises TransferCut."""
    try:
        async with (
            resources.downloads.turn(NEXT_TURN_SECONDS),
            resources.database.transaction() as connection,
        ):
            yield connection
    except Unavailable as error:
        raise TransferCut from error


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

    Raises TransferCut when one was erased meanwhile, or when Postgres cannot be asked.
    """
    for some in pins.batches(READ_AT_ONCE):
        async with batch(resources) as connection:
            images = await repository.images(connection, user_id, some)
        if len(images) < len(some):
            raise TransferCut
        yield images
