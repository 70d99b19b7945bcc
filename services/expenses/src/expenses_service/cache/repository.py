"""Reads and writes bytes in Redis; whatever goes wrong there is a miss, at most 250 ms late."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextvars import Context
from typing import Final

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from expenses_service.cache.breaker import Breaker

TIMEOUT_SECONDS: Final = 0.12
"""For one trip; who comes while another is under way waits for two at most."""
MOST_KEYS: Final = 32
"""Asked for in one trip."""
MAX_PENDING_PUTS: Final = 64

log = structlog.get_logger(__name__)

# RuntimeError is uvloop's word for a connection that was reset a moment ago.
_OUT_OF_REACH = (RedisConnectionError, RedisTimeoutError, TimeoutError, OSError, RuntimeError)

_Put = tuple[str, bytes, int]
_Waiter = asyncio.Future[bytes | None]


def connect(url: str, password: str | None) -> "Redis":
    """A client that neither retries nor waits longer than a request can afford."""
    pool = BlockingConnectionPool.from_url(
        url,
        password=password,
        max_connections=2,  # of the trips and of the probe
        timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)


class ReplyStore:
    """`get` and `put` of bytes that never raise for Redis.

    One trip is under way at a time; what comes meanwhile goes together with the next one. A trip
    for each took four times as much CPU.
    """

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._breaker = Breaker(self._answers)
        self._wanted: list[tuple[str, _Waiter]] = []
        self._puts: list[_Put] = []
        self._task: asyncio.Task[None] | None = None

    def get(self, key: str) -> Awaitable[bytes | None]:
        """The value, or None: absent, out of reach, refused or too late."""
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        self._wanted.append((key, waiter))
        self._go()
        return waiter

    def put(self, key: str, value: bytes, seconds: int) -> None:
        """Store for `seconds`, if Redis takes it; nobody waits, too many at once are dropped."""
        if self._breaker.closed and len(self._puts) < MAX_PENDING_PUTS:
            self._puts.append((key, value, seconds))
            self._go()

    @property
    def usable(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return self._breaker.closed

    async def close(self) -> None:
        """Finish what is under way, stop probing and close the connections."""
        if self._task is not None:
            await self._task
        await self._breaker.close()
        await self._redis.aclose()

    def _go(self) -> None:
        if self._task is None:  # in a context of its own: its log lines are of no one request
            self._task = asyncio.create_task(self._serve(), name="cache", context=Context())

    async def _serve(self) -> None:
        wanted: list[tuple[str, _Waiter]] = []
        try:
            while self._wanted or self._puts:
                wanted, self._wanted = self._wanted[:MOST_KEYS], self._wanted[MOST_KEYS:]
                puts, self._puts = self._puts, []
                values = await self._ask([key for key, _ in wanted], puts)
                for (_, waiter), value in zip(wanted, values, strict=True):
                    _settle(waiter, value)
        finally:
            self._task = None
            for _, waiter in wanted + self._wanted:  # only when this task was cancelled
                _settle(waiter, None)

    async def _ask(self, keys: Sequence[str], puts: Sequence[_Put]) -> Sequence[object]:
        """The values of `keys`; nothing but None where there is none to be had."""
        nothing = [None] * len(keys)
        if not self._breaker.closed:
            return nothing
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answers = await self._trip(keys, puts)
        except _OUT_OF_REACH as error:
            self._breaker.trip(type(error).__name__)
            return nothing
        except RedisError as error:
            answers = [error]
        for answer in answers:  # full, read-only or forbidden: it is there and may still read
            if isinstance(answer, RedisError):
                log.warning("cache_refused", reason=type(answer).__name__)
        values = answers[-1] if keys else nothing
        return values if isinstance(values, list) else nothing

    async def _trip(self, keys: Sequence[str], puts: Sequence[_Put]) -> Sequence[object]:
        async with self._redis.pipeline(transaction=False) as trip:
            for key, value, seconds in puts:
                trip.set(key, value, ex=seconds)
            if keys:  # last, so that they find what came before them
                trip.mget(keys)
            return await trip.execute(raise_on_error=False)

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._redis.ping()
        except (*_OUT_OF_REACH, RedisError):
            return False
        return True


def _settle(waiter: _Waiter, value: object) -> None:
    if not waiter.done():  # else its reader has gone
        waiter.set_result(value if isinstance(value, bytes) else None)
