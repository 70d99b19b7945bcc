"""A user's expenses as they were at one moment, read as slowly as somebody likes.

The moment's snapshot is held for as long as it takes to pin the versions that are wanted. A reader
that is slow, or stops, then keeps neither a transaction nor a connection to Postgres.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.database import TRANSACTION_SECONDS
from expenses_service.errors import Unavailable
from expenses_service.expenses.models import Expense
from expenses_service.resources import Resources
from expenses_service.transfer import repository
from expenses_service.transfer.errors import TransferCut
from expenses_service.transfer.pins import Pins

# Together less than the 10 s that the gateway waits for the first byte.
FIRST_TURN_SECONDS: Final = 1.5
PIN_SECONDS: Final = 8.0
PATIENCE_SECONDS: Final = 20.0
"""How long a body that has begun waits for its next part: cut, all of it has to be sent again."""
FIRST_PAUSE_SECONDS: Final = 0.25  # and twice as long after each attempt in vain, up to
LONGEST_PAUSE_SECONDS: Final = 1.0
READ_AT_ONCE: Final = 250

Said = TypeVar("Said")


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


async def ask(resources: Resources, question: Callable[[AsyncConnection], Awaitable[Said]]) -> Said:
    """What Postgres says, for the next part of a body that has begun.

    The question, which only reads what never changes, is put again for PATIENCE_SECONDS while
    Postgres is away or hangs. Raises TransferCut after that.
    """
    ends, pause = time.monotonic() + PATIENCE_SECONDS, FIRST_PAUSE_SECONDS
    while True:
        try:
            async with resources.downloads.turn(ends - time.monotonic()):
                seconds = min(ends - time.monotonic(), TRANSACTION_SECONDS)
                async with resources.database.transaction(seconds=seconds) as connection:
                    return await question(connection)
        except Unavailable as error:
            if time.monotonic() + pause >= ends:
                raise TransferCut from error
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


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
    for some in pins.batches(READ_AT_ONCE):
        images = await ask(resources, partial(repository.images, user_id=user_id, pinned=some))
        if len(images) < len(some):
            raise TransferCut
        yield images
