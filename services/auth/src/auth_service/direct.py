"""Single statements on asyncpg itself, each a transaction of its own: what is asked all the time.

A statement costs 65 µs of the event loop's thread so, and 535 by way of SQLAlchemy's engine.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from auth_service.database import (
    CHECKOUT_SECONDS,
    DRIVER_ERRORS,
    TRANSACTION_SECONDS,
    explained,
    unavailable,
)
from auth_service.deadline import at_most

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

_DIALECT: Final = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own


class Statement(NamedTuple):
    """Its text, and whose value `$1`, `$2` … are."""

    text: str
    names: Sequence[str]

    @classmethod
    def of(cls, statement: ClauseElement) -> Self:
        """Compile `statement`, whose parameters have names: once, not for each request."""
        compiled = statement.compile(dialect=_DIALECT)
        if not isinstance(compiled, SQLCompiler):
            raise TypeError("only a statement that gets or changes rows has parameters")
        return cls(str(compiled), tuple(compiled.positiontup or ()))


class Direct:
    """At most `size` connections, made when they are needed; the last one used is used first.

    Statements are prepared once on each, and leave nothing behind that would have to be reset.
    """

    def __init__(self, connect: Callable[[], Awaitable["Connection"]], *, size: int) -> None:
        self._connect = connect
        self._idle: list[Connection] = []
        self._room = asyncio.Semaphore(size)

    async def fetch(
        self, statement: Statement, values: Mapping[str, Any]
    ) -> Sequence[asyncpg.Record]:
        """The rows of a statement that commits with its end.

        It has as long as a transaction, or what is left for the request, a new connection included.

        Raises:
            Unavailable: Postgres cannot be reached, hangs, or refuses for the time being.
            asyncpg.PostgresError: it refuses for good; a constraint, for example.

        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + at_most(TRANSACTION_SECONDS)
        try:
            async with asyncio.timeout(at_most(CHECKOUT_SECONDS)):
                await self._room.acquire()
        except TimeoutError as error:
            raise unavailable(error) from error
        try:
            connection = self._take() or await self._open(ends)
            arguments = [values[name] for name in statement.names]
            return await self._ask(connection, ends, statement.text, arguments)
        except DRIVER_ERRORS as error:
            raise explained(error) from error
        finally:
            self._room.release()

    async def _open(self, ends: float) -> "Connection":
        try:
            async with asyncio.timeout_at(ends):
                return await self._connect()
        except DRIVER_ERRORS as error:  # also of a role or a database that is not there yet
            raise unavailable(error) from error

    async def _ask(
        self, connection: "Connection", ends: float, text: str, arguments: Sequence[Any]
    ) -> Sequence[asyncpg.Record]:
        timer = asyncio.get_running_loop().call_at(ends, connection.terminate)
        try:
            rows = await connection.fetch(text, *arguments)
        except asyncpg.PostgresError:
            self._idle.append(connection)
            raise
        except BaseException:  # nobody knows what is still to come on it
            connection.terminate()
            raise
        finally:
            timer.cancel()
        self._idle.append(connection)
        return rows

    def _take(self) -> "Connection | None":
        """A connection whose socket is open: a restarted server has closed those that are idle."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    async def close(self) -> None:
        """Cut what is idle; nothing is under way any more."""
        while self._idle:
            self._idle.pop().terminate()
