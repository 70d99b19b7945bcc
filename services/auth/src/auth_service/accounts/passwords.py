"""Argon2id (RFC 9106) in threads of its own, so that sign-ins leave other requests their speed."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from auth_service.accounts.argon2id import Argon2id
from auth_service.accounts.errors import Busy
from auth_service.deadline import at_most

WAIT_SECONDS = 3.0
HELD_SECONDS = 0.25
HELD_AT_ONCE = 256
IDLE_SECONDS = 5.0
NO_PLACE = "passwords: no place in line"
NO_TURN = "passwords: no turn in time"
NICENESS = 8
"""Of the threads, on Linux: a sixth of the event loop's share of a core that both want.

Two that always want one would leave the loop a third of what the whole process gets.
"""

Result = TypeVar("Result")


def _be_nice() -> None:
    """Lower this thread alone; on other systems it would be the whole process."""
    if sys.platform == "linux":
        os.nice(NICENESS)


class PasswordPool:
    """At most `threads` at work and `waiting` in line; more are held for a moment and refused.

    There are twice as many turns as threads: whoever has one of the others is at hand, so that a
    thread that is done goes on at once. The event loop has no time for it just then, and takes two
    trips to Redis between one turn and the next: threads idled for a tenth of a flood.

    Whoever asks is named, by the network they come from. When the line is full, somebody new takes
    the last place of whoever has most, unless they had fewer then: one client alone does not hold
    the line against all others (stochastic fair queueing drops from the longest queue; McKenney
    1990).
    """

    def __init__(self, *, time_cost: int, memory_kib: int, threads: int, waiting: int) -> None:
        self._argon2id = Argon2id(time_cost=time_cost, memory_kib=memory_kib)
        self._threads = ThreadPoolExecutor(
            threads, thread_name_prefix="argon2", initializer=_be_nice
        )
        self._turns = asyncio.Semaphore(2 * threads)
        self._room = threads + waiting
        self._line: dict[asyncio.Timeout, str] = {}  # who waits for a turn, the first first
        self._held = 0
        self._release: asyncio.TimerHandle | None = None
        self._nobody = self._argon2id.hash("the password of nobody")
        self._argon2id.release()

    @property
    def room(self) -> int:
        """The places at work and in line that nobody has."""
        return max(0, self._room)

    async def require_room(self, whose: str = "") -> None:
        """Raises Busy when they would be refused a turn now, and a moment later too.

        Clients that come again at once would otherwise keep the event loop busy with refusals.
        """
        if not self._has_room(whose) and self._held < HELD_AT_ONCE:
            self._held += 1
            try:
                await asyncio.sleep(at_most(HELD_SECONDS))
            finally:
                self._held -= 1
        if not self._has_room(whose):
            raise Busy(retry_after=1, cause=NO_PLACE)

    def _has_room(self, whose: str) -> bool:
        return self._room > 0 or self._gives_way(whose) is not None

    def _gives_way(self, whose: str) -> asyncio.Timeout | None:
        """The last in line of whoever has most, more than `whose` would have; None is nobody."""
        staying = {limit: who for limit, who in self._line.items() if not limit.expired()}
        places = Counter(staying.values())
        most = max(places.values(), default=0)
        if most <= places[whose] + 1:
            return None
        return next(limit for limit in reversed(staying) if places[staying[limit]] == most)

    def _enter(self, whose: str) -> None:
        """Take a place in line. Raises Busy."""
        if self._room <= 0:
            last = self._gives_way(whose)
            if last is None:
                raise Busy(retry_after=1, cause=NO_PLACE)
            del self._line[last]
            last.reschedule(asyncio.get_running_loop().time())
        self._room -= 1

    @asynccontextmanager
    async def turn(self, whose: str = "") -> AsyncIterator[None]:
        """The right to the next free thread for as long as the block lasts. Raises Busy."""
        self._enter(whose)
        try:
            await self._wait(whose)
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._room += 1
            self._release_when_idle()

    def _release_when_idle(self) -> None:
        """A process that hashes nothing for a while holds no memory for it."""
        if self._release is not None:
            self._release.cancel()
        loop = asyncio.get_running_loop()
        self._release = loop.call_later(
            IDLE_SECONDS, loop.run_in_executor, self._threads, self._argon2id.release
        )

    async def _wait(self, whose: str) -> None:
        """Raises Busy after a while, and when somebody else has taken the place."""
        try:
            async with asyncio.timeout(at_most(WAIT_SECONDS)) as limit:
                self._line[limit] = whose
                stayed = True
                try:
                    await self._turns.acquire()
                finally:
                    stayed = self._line.pop(limit, None) is not None
        except TimeoutError:
            raise Busy(retry_after=1, cause=NO_TURN if stayed else NO_PLACE) from None

    async def run(self, work: Callable[[], Result], whose: str = "") -> Result:
        """Run `work` in a thread, in a turn of its own. Raises Busy."""
        async with self.turn(whose):
            return await self._in_thread(work)

    async def hash(self, password: str, whose: str = "") -> str:
        """The encoded hash of `password`, in a turn of its own. Raises Busy."""
        return await self.run(lambda: self._argon2id.hash(password), whose)

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether `password` is the one; the caller has a turn. Raises Busy.

        The same work when there is nobody (`encoded` is None).
        """
        compared = encoded or self._nobody
        matches = await self._in_thread(lambda: self._argon2id.verify(compared, password))
        return matches and encoded is not None

    def is_outdated(self, encoded: str) -> bool:
        """Whether the parameters have risen since `encoded` was made."""
        return self._argon2id.is_outdated(encoded)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        """A caller who is cancelled, even twice, keeps the turn until the thread is free again.

        Raises Busy when there is no memory for it.
        """
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(future)
        except MemoryError:
            raise Busy(retry_after=1, cause="passwords: no memory") from None
        except asyncio.CancelledError:
            while not future.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            raise

    async def close(self) -> None:
        """Finish what is at work."""
        if self._release is not None:
            self._release.cancel()
        await asyncio.to_thread(self._threads.shutdown)
