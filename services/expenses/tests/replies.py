"""Replies to be kept in a Valkey, and what stands for the database behind them."""

from collections.abc import Awaitable, Callable

from expenses_service.cache.models import Built, Reply
from expenses_service.cache.service import ReplyCache
from tests.tokens import user_id
from tests.valkey import Valkey
from tests.waiting import until

ALICE, BOB = user_id(1), user_id(2)


class Truth:
    """Stands for Postgres: the present version and what a query then answers."""

    def __init__(self) -> None:
        self.version = 1
        self.built = 0

    async def build(self) -> Built:
        self.built += 1
        return Built(self.version, f"body of {self.version}".encode())

    async def met(self, cache: ReplyCache) -> None:
        """Read once, which is not kept yet."""
        await self.read(cache)
        self.built = 0

    async def read(self, cache: ReplyCache) -> Reply:
        return await cache.get_or_build(ALICE, "expenses?limit=50", at(self.version), self.build)


def at(version: int) -> Callable[[], Awaitable[int]]:
    """Stands for the reader of versions."""

    async def read() -> int:
        return version

    return read


async def stored(valkey: Valkey, count: int) -> None:
    """Wait until the cache holds `count` replies; they are stored behind the answer."""
    await until(lambda: valkey.client().dbsize() == count)
