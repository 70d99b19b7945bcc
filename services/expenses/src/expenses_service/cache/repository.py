"""Reads and writes bytes in Redis; whatever goes wrong there is a miss, at most 250 ms late."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from expenses_service.cache.breaker import Breaker

TIMEOUT_SECONDS = 0.2
MAX_CONNECTIONS = 32

log = structlog.get_logger(__name__)

_OUT_OF_REACH = (RedisConnectionError, RedisTimeoutError, TimeoutError, OSError)


def connect(url: str, password: str | None) -> "Redis":
    """A client that neither retries nor waits longer than a request can afford."""
    pool = BlockingConnectionPool.from_url(
        url,
        password=password,
        max_connections=MAX_CONNECTIONS,
        timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)


class ReplyStore:
    """`get` and `put` of bytes that never raise for Redis."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._breaker = Breaker(self._answers)

    async def get(self, key: str) -> bytes | None:
        """The value, or None: absent, out of reach, refused or too late."""
        value = await self._ask(lambda: self._redis.get(key))
        return value if isinstance(value, bytes) else None

    async def put(self, key: str, value: bytes, seconds: int) -> None:
        """Store for `seconds`, if Redis takes it."""
        await self._ask(lambda: self._redis.set(key, value, ex=seconds))

    @property
    def usable(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return self._breaker.closed

    async def close(self) -> None:
        """Stop probing and close the connections."""
        await self._breaker.close()
        await self._redis.aclose()

    async def _ask(self, command: Callable[[], Awaitable[object]]) -> object:
        if not self._breaker.closed:
            return None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await command()
        except _OUT_OF_REACH as error:
            self._breaker.trip(type(error).__name__)
        except RedisError as error:  # full, read-only or forbidden: it is there and may still read
            log.warning("cache_refused", reason=type(error).__name__)
        return None

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._redis.ping()
        except (*_OUT_OF_REACH, RedisError):
            return False
        return True
