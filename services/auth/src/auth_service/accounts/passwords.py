"""Argon2id (RFC 9106) in threads of its own, so that sign-ins leave other requests their speed."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from auth_service.accounts.errors import Busy

Result = TypeVar("Result")


class PasswordPool:
    """At most `threads` at work and `waiting` in line; more than that is refused at once."""

    def __init__(self, *, time_cost: int, memory_kib: int, threads: int, waiting: int) -> None:
        self._hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._room = threads + waiting
        self._nobody = self._hasher.hash("the password of nobody")

    async def hash(self, password: str) -> str:
        """The encoded hash of `password`. Raises Busy."""
        return await self.run(lambda: self._hasher.hash(password))

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether `password` is the one; the same work when there is nobody (`encoded` is None).

        Raises:
            Busy: the line is full.

        """
        matches = await self.run(lambda: self._matches(encoded or self._nobody, password))
        return matches and encoded is not None

    def is_outdated(self, encoded: str) -> bool:
        """Whether the parameters have risen since `encoded` was made."""
        return self._hasher.check_needs_rehash(encoded)

    def _matches(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except (VerificationError, InvalidHashError):
            return False

    async def run(self, work: Callable[[], Result]) -> Result:
        """Run `work` in a thread of the pool. Raises Busy."""
        if self._room == 0:
            raise Busy(retry_after=1)
        self._room -= 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(self._give_back)  # also when the caller has gone: work goes on
        return await asyncio.shield(future)

    def _give_back(self, _: object) -> None:
        self._room += 1

    async def close(self) -> None:
        """Finish what is at work."""
        await asyncio.to_thread(self._threads.shutdown)
