"""What Postgres is asked while a body is sent."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.database import TRANSACTION_SECONDS
from expenses_service.downloads.errors import TransferCut
from expenses_service.errors import Unavailable
from expenses_service.resources import Resources

PATIENCE_SECONDS: Final = 20.0
"""How long a body that has begun waits for its next part: cut, all of it has to be sent again."""
FIRST_PAUSE_SECONDS: Final = 0.25  # and twice as long after each attempt in vain, up to
LONGEST_PAUSE_SECONDS: Final = 1.0

Said = TypeVar("Said")


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
