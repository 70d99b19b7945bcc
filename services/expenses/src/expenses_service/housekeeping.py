"""Forgets what nobody can ask for any more. Every replica would; one at a time does."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.database import Database
from expenses_service.errors import Unavailable
from expenses_service.idempotency.repository import forget_old

HOUR: Final = 3600.0
BATCH: Final = 500

Chore = Callable[[AsyncConnection, datetime, int], Awaitable[int]]
"""Deletes at most so many rows that are of no use at an instant, and says how many."""

CHORES: Final[Mapping[str, Chore]] = {"idempotency_keys": forget_old}

# Two numbers of 32 bits: a space of advisory locks apart from that of idempotency keys (64 bits).
_TRY_LOCK: Final = "SELECT pg_try_advisory_xact_lock(1, 1)"

log = structlog.get_logger(__name__)


class Housekeeper:
    """Does the chores about once an hour, the first time within the first hour."""

    def __init__(self, database: Database, *, every_seconds: float = HOUR) -> None:
        self._database = database
        self._every_seconds = every_seconds
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin in the background."""
        self._loop = asyncio.create_task(self._keep_house(), name="housekeeping")

    async def close(self) -> None:
        """Stop; a batch that is under way is rolled back."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def _keep_house(self) -> None:
        """At random times, so that replicas that were started together do not all ask at once."""
        pause = random.uniform(0, self._every_seconds)  # noqa: S311 - spreads load
        while True:
            await asyncio.sleep(pause)
            pause = self._every_seconds * random.uniform(0.9, 1.1)  # noqa: S311 - the same
            try:
                log.info("house_kept", **await do_chores(self._database, datetime.now(UTC)))
            except Unavailable:
                log.info("house_not_kept", reason="database")
            except Exception as error:  # noqa: BLE001 - nothing may end the loop unnoticed
                log.warning("house_not_kept", reason=type(error).__qualname__)


async def do_chores(database: Database, now: datetime, *, batch: int = BATCH) -> dict[str, int]:
    """Each chore until nothing is left of it; how much was deleted. Nothing while another does it.

    Each batch is a transaction of its own: what others wait for is held for one batch at most, and
    what is done stays done. Raises Unavailable.
    """
    return {name: await _finish(database, chore, now, batch) for name, chore in CHORES.items()}


async def _finish(database: Database, chore: Chore, now: datetime, batch: int) -> int:
    total = 0
    while True:
        async with database.transaction() as connection:
            if not (await connection.exec_driver_sql(_TRY_LOCK)).scalar_one():
                return total
            deleted = await chore(connection, now, batch)
        total += deleted
        if deleted < batch:
            return total
