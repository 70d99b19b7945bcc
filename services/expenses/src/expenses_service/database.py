"""The way to Postgres. The only commit of the service is in `transaction`."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import structlog
from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from expenses_service.errors import Unavailable

CONNECT_SECONDS = 2.0
WAIT_SECONDS = 2.0  # for a free connection; less than for all of it, so that the log says which
CHECKOUT_SECONDS = 2.5
TRANSACTION_SECONDS = 4.0
POOL_SIZE = 16
SESSION = {"timezone": "UTC"}  # instants within snapshots that Postgres makes are in this zone
PLANNED_ONCE = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
"""Postgres would plan most lists anew each time, since a plan that knows the values looks cheaper.

To plan one takes as long as to read it. A plan stays until Postgres counts the tables again: one
that was made when they were tiny shall not read all of their rows once they are large.
"""

# SQLSTATE classes and codes that mean "not now" rather than "never" (PostgreSQL, appendix A):
# connection, role, database, resources, operator intervention; then a database that takes no
# connections, lock and idle time-outs, deadlock, read-only; last a schema or table. What is not
# there comes with the migrations, or when a backup is put back.
_PASSING_CLASSES = ("08", "28", "3D", "53", "57")
_PASSING_CODES = frozenset({"55000", "55P03", "25P03", "40P01", "25006", "3F000", "42P01"})

DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a session that was ended while idle, before its socket closes
    OSError,
    TimeoutError,
)
"""What comes out of asyncpg itself."""

log = structlog.get_logger(__name__)


def database_url(url: str, password: str | None) -> URL:
    """`postgresql://role@host/db` with the driver and the password, which no setting holds."""
    return make_url(url).set(drivername="postgresql+asyncpg", password=password)


class Database:
    """A pool of connections; nothing is connected before the first transaction."""

    def __init__(self, url: str, password: str | None, *, pool_size: int = POOL_SIZE) -> None:
        self.engine = create_async_engine(
            database_url(url, password),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=WAIT_SECONDS,
            pool_use_lifo=True,
            hide_parameters=True,
            connect_args={"timeout": CONNECT_SECONDS, "server_settings": SESSION},
        )

    @asynccontextmanager
    async def transaction(
        self, *, seconds: float = TRANSACTION_SECONDS
    ) -> AsyncIterator[AsyncConnection]:
        """BEGIN … COMMIT, or ROLLBACK when the block raises.

        `seconds` after the call the connection is cut, so that a server that hangs costs no more.

        Raises:
            Unavailable: Postgres cannot be reached, hangs, or refuses for the time being.
            IntegrityError: a constraint decided; `constraint_name` tells which.
        """
        ends = time.monotonic() + seconds
        try:
            connection = await self._checkout()
        except (
            DBAPIError,
            PoolTimeoutError,
            asyncpg.PostgresError,
            OSError,
            TimeoutError,
        ) as error:
            raise unavailable(error, "pool") from error
        try:
            async with _deadline(connection, ends - time.monotonic()), connection.begin():
                yield connection
        except (DBAPIError, asyncpg.PostgresError) as error:
            if not _is_passing(error):
                raise
            raise unavailable(error, "pool") from error
        finally:
            await connection.close()

    async def _checkout(self) -> AsyncConnection:
        """A connection whose socket is open: a restarted server has closed those in the pool."""
        while True:
            async with asyncio.timeout(CHECKOUT_SECONDS):
                connection = await self.engine.connect()
            if not (await _driver(connection)).is_closed():
                return connection
            await connection.invalidate()
            await connection.close()

    async def connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        """A connection beside the pool, for statements whose plan depends on no value.

        Raises one of DRIVER_ERRORS.
        """
        url = self.engine.url
        return await asyncpg.connect(
            host=url.host,
            port=url.port,
            user=url.username,
            password=url.password,
            database=url.database,
            timeout=CONNECT_SECONDS,
            server_settings=SESSION | PLANNED_ONCE,
        )

    async def close(self) -> None:
        """Close the pool."""
        await self.engine.dispose()


async def copy_csv(
    connection: AsyncConnection, table: str, columns: Sequence[str], rows: AsyncIterator[bytes]
) -> None:
    """Append rows in CSV, an empty cell for null, in the connection's transaction.

    Raises asyncpg.PostgresError, which `transaction` understands.
    """
    driver = await _driver(connection)
    await driver.copy_to_table(table, source=rows, columns=columns, format="csv")


async def _driver(connection: AsyncConnection) -> "asyncpg.Connection[asyncpg.Record]":
    driver = (await connection.get_raw_connection()).driver_connection
    if not isinstance(driver, asyncpg.Connection):
        raise TypeError("the engine does not run on asyncpg")
    return driver


@asynccontextmanager
async def _deadline(connection: AsyncConnection, seconds: float) -> AsyncIterator[None]:
    """Cut the socket after `seconds`: a cancelled query would wait for a server that hangs."""
    driver = await _driver(connection)
    timer = asyncio.get_running_loop().call_later(seconds, driver.terminate)
    try:
        yield
    finally:
        timer.cancel()


def explained(error: Exception, connections: str) -> Exception:
    """What to raise for one of DRIVER_ERRORS: Unavailable for what passes, else the error.

    `connections` says for the log which ones it came by.
    """
    if isinstance(error, asyncpg.PostgresError) and not _is_passing(error):
        return error
    return unavailable(error, connections)


def unavailable(error: BaseException, connections: str) -> Unavailable:
    """The refusal for the time being, which the log explains."""
    reason = _reason(error)
    log.warning("database_unavailable", reason=reason, connections=connections)
    return Unavailable(retry_after=2, cause=f"postgres, {connections}: {reason}")


def _reason(error: BaseException) -> str:
    """The SQLSTATE or the driver's class: its message may quote a row."""
    if isinstance(error, PoolTimeoutError):
        return "no free connection"
    origin = getattr(error, "orig", None) or error
    cause = origin.__cause__
    if cause is None or isinstance(cause, asyncio.CancelledError):  # by which a timeout works
        cause = origin
    return sqlstate(error) or type(cause).__name__


def _is_passing(error: DBAPIError | asyncpg.PostgresError) -> bool:
    code = sqlstate(error)
    if code is None:
        return isinstance(error, DBAPIError) and error.connection_invalidated
    return code.startswith(_PASSING_CLASSES) or code in _PASSING_CODES


def sqlstate(error: BaseException) -> str | None:
    """The five characters, from the driver's error or the one that wraps it."""
    for layer in (error, getattr(error, "orig", None), getattr(error, "__cause__", None)):
        code = getattr(layer, "sqlstate", None)
        if isinstance(code, str):
            return code
    return None


def constraint_name(error: IntegrityError) -> str | None:
    """The constraint that the driver names; message texts are never read."""
    cause: BaseException | None = error.orig
    while cause is not None:
        name = getattr(cause, "constraint_name", None)
        if isinstance(name, str):
            return name
        cause = cause.__cause__
    return None
