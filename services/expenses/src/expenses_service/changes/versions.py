"""Reads data versions for requests that come at the same time, by one query for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextvars import Context
from typing import TYPE_CHECKING, Final
from uuid import UUID

from expenses_service.changes.link import Link, Outcome
from expenses_service.database import DRIVER_ERRORS, explained
from expenses_service.errors import Unavailable

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

SECONDS: Final = 1.5
"""For a query, and for the connection if it has to be made: who waits, waits for two at most."""

Connect = Callable[[], Awaitable["Connection"]]
Waiter = tuple[UUID, asyncio.Future[int]]


class VersionReader:
    """One connection and one query in flight; who comes meanwhile shares the next one.

    A query begins after everybody whom it answers has come, so it sees each commit that anybody of
    them may know of. A caller that is cancelled leaves the others' query alone. Only to connect
    takes a task: a query is sent by who asks, or by the end of the one before.
    """

    def __init__(self, connect: Connect, *, seconds: float = SECONDS) -> None:
        self._connect = connect
        self._seconds = seconds
        self._link: Link | None = None
        self._waiting: list[Waiter] = []
        self._asked: list[Waiter] = []
        self._opening: asyncio.Task[None] | None = None

    def read(self, user_id: UUID) -> asyncio.Future[int]:
        """The number of the user's last change, 0 before the first; or Unavailable.

        It is asked for at once, whether and when the answer is awaited or not.
        """
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((user_id, waiter))
        self._go_on()
        return waiter

    def _go_on(self) -> None:
        """With those who wait; connecting has a context of its own, as it is of no one request."""
        if not self._waiting or self._asked or self._opening is not None:
            return
        if self._link is None or self._link.is_closing:
            self._opening = asyncio.create_task(self._open(), name="versions", context=Context())
        else:
            self._ask(self._link, asyncio.get_running_loop().time() + self._seconds)

    def _ask(self, link: Link, ends: float) -> None:
        self._asked, self._waiting = self._waiting, []
        link.ask([user_id for user_id, _ in self._asked], ends)

    async def _open(self) -> None:
        ends = asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(ends):
                link = await Link.over(await self._connect(), self._hear)
            self._drop()
            self._link = link
            self._ask(link, ends)
        except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
            waiting, self._waiting = self._waiting, []
            _refuse(waiting, _reason(error))
        finally:
            self._opening = None

    def _hear(self, outcome: Outcome) -> None:
        asked, self._asked = self._asked, []
        if isinstance(outcome, Exception):
            self._drop()
            if asked:
                _refuse(asked, _reason(outcome))
        else:
            for user_id, waiter in asked:
                if not waiter.done():
                    waiter.set_result(outcome.get(user_id.bytes, 0))
        self._go_on()

    async def close(self) -> None:
        """Refuse who still waits, and close the connection."""
        while (opening := self._opening) is not None:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            if self._opening is opening:  # it had not begun
                self._opening = None
        _refuse(self._asked + self._waiting, Unavailable())
        self._asked, self._waiting = [], []
        self._drop()

    def _drop(self) -> None:
        """Cut the connection: nobody knows what is still to come on it."""
        if self._link is not None:
            self._link.cut()
            self._link = None


def _reason(error: Exception) -> Exception:
    return explained(error, "versions") if isinstance(error, DRIVER_ERRORS) else error


def _refuse(waiting: Iterable[Waiter], reason: Exception) -> None:
    for _, waiter in waiting:
        if not waiter.done():
            waiter.set_exception(reason)
            waiter.exception()  # so that nobody misses it where nobody waits any more
