"""A user's expenses as they were at one moment, read as slowly as somebody likes.

The moment's snapshot is held for as long as it takes to pin the versions that are wanted. A reader
that is slow, or stops, then keeps neither a transaction nor a connection to Postgres.
"""

from collections.abc import AsyncIterator
from contextlib import closing
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

PIN_SECONDS: Final = 8.0  # the gateway waits 10 s for the first byte
READ_AT_ONCE: Final = 250


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
    """The user's pinned versions, some at a time; closes `pins`.

    Raises TransferCut when one was erased meanwhile, or when Postgres cannot be asked.
    """
    with closing(pins):
        for some in pins.batches(READ_AT_ONCE):
            try:
                async with resources.database.transaction() as connection:
                    images = await repository.images(connection, user_id, some)
            except Unavailable as error:
                raise TransferCut from error
            if len(images) < len(some):
                raise TransferCut
            yield images
