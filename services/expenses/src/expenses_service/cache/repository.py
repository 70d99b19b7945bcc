"""Reads and writes bytes in Redis; whatever goes wrong there is a miss, at most 250 ms late."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextvars import Context
from typing import Final

import structlog
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
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


def connect(url: str, password: str | None) -> AbstractConnection:
    """A connection that is made when it is first used, and does not try again by itself."""
    pool = ConnectionPool.from_url(
        url,
        password=password,
        socket_timeout=None,  # of each read and write: what uses it has one for all of them
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]  # its own
    return connection


class ReplyStore:
    """`get` and `put` of bytes that never raise for Redis.

    One trip is under way at a time; what comes meanwhile goes together with the next one. A trip
    for each took four times as much CPU, one by a pipeline of redis-py three times as much.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
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
        """Finish what is under way, stop probing and close the connection."""
        if self._task is not None:
            await self._task
        await self._breaker.close()
        await self._connection.disconnect()

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
        commands = [
            _command(b"SET", key.encode(), value, b"EX", b"%d" % seconds)
            for key, value, seconds in puts
        ]
        if keys:  # last, so that they find what came before them
            commands.append(_command(b"MGET", *(key.encode() for key in keys)))
        try:
            answers = await self._trip(commands)
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

    async def _trip(self, commands: Sequence[bytes]) -> Sequence[object]:
        """An answer for each; a server that was started anew is connected to once more."""
        was_connected = self._connection.is_connected
        async with asyncio.timeout(TIMEOUT_SECONDS):
            try:
                return await self._exchange(commands)
            except _OUT_OF_REACH:
                if not was_connected:
                    raise
            return await self._exchange(commands)

    async def _exchange(self, commands: Sequence[bytes]) -> Sequence[object]:
        try:
            await self._connection.connect()  # type: ignore[no-untyped-call]  # redis-py's own
            await self._connection.send_packed_command(commands, check_health=False)
            return [await self._answer() for _ in commands]
        except BaseException:  # nobody knows what is still to come on it
            await self._connection.disconnect(nowait=True)
            raise

    async def _answer(self) -> object:
        try:
            return await self._connection.read_response(disable_decoding=True)
        except ResponseError as error:
            return error

    async def _answers(self) -> bool:
        try:
            [answer] = await self._trip([_PING])
        except (*_OUT_OF_REACH, RedisError):
            return False
        return not isinstance(answer, RedisError)


def _command(*parts: bytes) -> bytes:
    """An array of bulk strings (RESP)."""
    bulks = b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts])
    return b"*%d\r\n%b" % (len(parts), bulks)


_PING: Final = _command(b"PING")


def _settle(waiter: _Waiter, value: object) -> None:
    if not waiter.done():  # else its reader has gone
        waiter.set_result(value if isinstance(value, bytes) else None)
