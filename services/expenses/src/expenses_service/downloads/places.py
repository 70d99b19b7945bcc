"""How much of the service such bodies may take, so that everybody else has the rest."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final
from uuid import UUID

from expenses_service.errors import Unavailable

OPEN_EACH: Final = 8
"""Of one user: a few files at once, and most places are left to others."""
OPEN: Final = 64
"""Of all users: each has a part in memory, at most a few MB of it."""
AT_WORK: Final = 4
"""Connections out of the pool's 16, and parts between which other requests get their turn."""


class Downloads:
    """Those of one process, which are open until they are sent, and at work a part at a time.

    Only who is at work keeps others waiting. Who waits for its reader keeps its user's place.
    """

    def __init__(self) -> None:
        self._open: Counter[UUID] = Counter()
        self._turns = asyncio.Semaphore(AT_WORK)

    @property
    def open(self) -> int:
        """How many there are."""
        return self._open.total()

    @contextmanager
    def place(self, user_id: UUID) -> Iterator[None]:
        """One more that is open. Raises Unavailable at once if there are enough."""
        if self._open[user_id] >= OPEN_EACH:
            raise Unavailable(
                f"You have {OPEN_EACH} exports, archives or long histories under way: read or"
                " close one, then try again.",
                retry_after=10,
                cause="downloads: enough of this user",
            )
        if self.open >= OPEN:
            raise _busy("enough of all users")
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]

    @asynccontextmanager
    async def turn(self, seconds: float) -> AsyncIterator[None]:
        """To ask Postgres for something. Raises Unavailable after `seconds` in vain."""
        try:
            async with asyncio.timeout(seconds):
                await self._turns.acquire()
        except TimeoutError:
            raise _busy("enough at work") from None
        try:
            yield
        finally:
            self._turns.release()


def _busy(cause: str) -> Unavailable:
    detail = "Others are downloading; try again soon."
    return Unavailable(detail, retry_after=10, cause=f"downloads: {cause}")
