"""Single statements on asyncpg itself, each a transaction of its own: the fast path of hot ones.

They are prepared and planned once on each connection, so their plan must not depend on a value. And
nothing is reset after them, since a statement leaves nothing behind.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from expenses_service.alarms import Alarm
from expenses_service.database import DRIVER_ERRORS, explained, unavailable

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

SECONDS: Final = 4.0
WAIT_SECONDS: Final = 0.9


class Direct:
    """At most `size` connections, made when they are needed; the last one used is used first."""

    def __init__(
        self,
        connect: Callable[[], Awaitable["Connection"]],
        *,
        size: int,
        seconds: float = SECONDS,
    ) -> None:
        self._connect = connect
        self._seconds = seconds
        self._idle: list[tuple[Connection, Alarm]] = []
        self._room = asyncio.Semaphore(size)
        self._waiting = 0
        self._pace = 0.0
        """Seconds for each place in the queue, of who has last left it."""
        self._connected = 0.0
        """When the last connection was made: waiting for that tells nothing of the pace."""

    def expected_wait(self) -> float:
        """Seconds that the last in the queue will wait, at the pace of those before; 0 without one.

        So it is told in time and not in places, whatever statements and machine are like.
        """
        return self._waiting * self._pace

    async def fetch(self, statement: str, *arguments: Any) -> Sequence[asyncpg.Record]:  # noqa: ANN401 - what asyncpg takes
        """The rows of a statement that commits with its end.

        It has `seconds` for that, a new connection included.

        Raises:
            Unavailable: Postgres cannot be reached, hangs, or refuses for the time being.
            asyncpg.PostgresError: it refuses for good; a constraint, for example.

        """
        if self._room.locked():
            await self._queue()
        else:
            await self._room.acquire()
        try:
            return await self._fetch(statement, arguments)
        except DRIVER_ERRORS as error:
            raise explained(error, "direct") from error
        finally:
            self._room.release()

    async def _queue(self) -> None:
        self._waiting += 1
        place, began = self._waiting, time.monotonic()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._room.acquire()
        except TimeoutError as error:
            self._pace = WAIT_SECONDS / place
            raise unavailable(error, "direct, all in use") from error
        else:
            self._pace = (time.monotonic() - max(began, self._connected)) / place
        finally:
            self._waiting -= 1

    async def _fetch(self, statement: str, arguments: Sequence[Any]) -> Sequence[asyncpg.Record]:
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._seconds
        connection, alarm = self._take() or await self._new()
        alarm.set(ends)
        try:
            rows = await connection.fetch(statement, *arguments)
        except asyncpg.PostgresError:
            self._idle.append((connection, alarm))
            raise
        except BaseException:  # nobody knows what is still to come on it
            alarm.end()
            connection.terminate()
            raise
        finally:
            alarm.clear()
        self._idle.append((connection, alarm))
        return rows

    async def _new(self) -> "tuple[Connection, Alarm]":
        connection = await self._connect()
        self._connected = time.monotonic()
        return connection, Alarm(asyncio.get_running_loop(), connection.terminate)

    def _take(self) -> "tuple[Connection, Alarm] | None":
        """A connection whose socket is open: a restarted server has closed those that are idle."""
        while self._idle:
            connection, alarm = self._idle.pop()
            if not connection.is_closed():
                return connection, alarm
            alarm.end()
        return None

    async def close(self) -> None:
        """Cut what is idle; nothing is under way any more."""
        while self._idle:
            connection, alarm = self._idle.pop()
            alarm.end()
            connection.terminate()
