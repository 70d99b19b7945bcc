"""Asks Postgres for the sequences of users on one connection, in the bytes of its protocol.

asyncpg makes the connection, signs in and prepares; then this takes its place on the socket. It can
send from where no coroutine runs, and makes no record, no waiter and no turn of the loop for what
is one number: see ADR 0048. PostgreSQL's manual, "Frontend/Backend Protocol", "Message Formats".
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import TYPE_CHECKING, Final, Self
from uuid import UUID

import asyncpg

from expenses_service.alarms import Alarm
from expenses_service.changes.epochs import BASE

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

# An array of one takes Postgres longer (ADR 0045).
_PREPARE: Final = """
PREPARE one (uuid) AS SELECT user_id, seq FROM user_state WHERE user_id = $1;
PREPARE many (uuid[]) AS SELECT user_id, seq FROM user_state WHERE user_id = ANY ($1)
"""
_BASE: Final = f"SELECT {BASE}"  # once a connection: within the query it costs Postgres 4 % more

_HEAD: Final = Struct("!ci")
"""The type of a message, and its bytes with these four."""
_ARRAY: Final = Struct("!iiIii")
"""Dimensions, whether any is null, the type of the elements, how many, the index of the first."""
_UUID: Final = 2950
_EXECUTE: Final = b"E" + (9).to_bytes(4) + b"\0" + (0).to_bytes(4) + b"S" + (4).to_bytes(4)
"""All rows of what was bound; then Sync, which ends the transaction and has all of it answered."""
_ROW, _ERROR, _READY = b"DEZ"
_USER, _SEQ = slice(6, 22), slice(26, 34)
"""In a row: how many columns, then each with its length."""

Outcome = Mapping[bytes, int] | Exception
"""The numbers of the users who have one; or why there is none, and the connection is not used."""
Tell = Callable[[Outcome], None]


class Link(asyncio.Protocol):
    """An open connection with at most one question under way; `tell` hears what comes of it.

    `tell` hears as well that the connection was lost, unless it was cut here.
    """

    def __init__(self, connection: "Connection", base: int, tell: Tell) -> None:
        self._connection = connection
        self._base = base
        self._tell = tell
        self._alarm = Alarm(asyncio.get_running_loop(), self._run_out)
        self._transport: asyncio.Transport = connection._transport  # type: ignore[attr-defined]  # noqa: SLF001 - it has no other way
        self._driver = self._transport.get_protocol()
        self._transport.set_protocol(self)
        self._unread = b""
        self._found: dict[bytes, int] = {}
        self._error: Exception | None = None

    @property
    def is_closing(self) -> bool:
        """Whether it is of no use: a server that goes says so, and closes a moment later."""
        return self._error is not None or self._transport.is_closing()

    @classmethod
    async def over(cls, connection: "Connection", tell: Tell) -> Self:
        """Take the connection over, which is cut if that fails. Raises what asyncpg does."""
        try:
            base = await connection.fetchval(_BASE)
            await connection.execute(_PREPARE)
        except BaseException:
            connection.terminate()
            raise
        return cls(connection, base, tell)

    def ask(self, user_ids: Sequence[UUID], ends: float) -> None:
        """Send the question, to be answered by then; what was asked before has been told of."""
        self._alarm.set(ends)
        if len(user_ids) == 1:
            self._transport.write(_bind(b"one", user_ids[0].bytes) + _EXECUTE)
        else:
            self._transport.write(_bind(b"many", _array(user_ids)) + _EXECUTE)

    def cut(self) -> None:
        """Close the connection, and tell nothing of it."""
        self._tell = _nothing
        self._alarm.end()
        if self._transport.is_closing():
            self._transport.abort()
        else:
            self._connection.terminate()

    def data_received(self, data: bytes) -> None:
        """Any part of any number of messages."""
        data = self._unread + data
        start = 0
        while len(data) - start >= _HEAD.size:
            kind, size = data[start], int.from_bytes(data[start + 1 : start + 5])
            end = start + 1 + size
            if end > len(data):
                break
            self._take(kind, data[start + _HEAD.size : end])
            start = end
        self._unread = data[start:]

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == _ROW:
            self._found[payload[_USER]] = int.from_bytes(payload[_SEQ]) + self._base
        elif kind == _READY:
            self._alarm.clear()
            outcome: Outcome = self._error or self._found
            self._found = {}
            self._tell(outcome)
        elif kind == _ERROR:
            self._error = _error(payload)

    def connection_lost(self, exc: Exception | None) -> None:
        """Postgres has said why, or it is gone without a word."""
        self._driver.connection_lost(exc)
        self._alarm.end()
        self._tell(self._error or exc or ConnectionResetError())

    def _run_out(self) -> None:
        self._tell(TimeoutError())


def _bind(statement: bytes, parameter: bytes) -> bytes:
    """One parameter and all columns, both binary (format 1)."""
    rest = b"".join((
        b"\0", statement, b"\0\0\1\0\1\0\1",
        len(parameter).to_bytes(4), parameter, b"\0\1\0\1",
    ))  # fmt: skip
    return _HEAD.pack(b"B", 4 + len(rest)) + rest


def _array(user_ids: Sequence[UUID]) -> bytes:
    length = (16).to_bytes(4)
    elements = [length + user_id.bytes for user_id in user_ids]
    return b"".join((_ARRAY.pack(1, 0, _UUID, len(elements), 1), *elements))


def _error(payload: bytes) -> Exception:
    """Fields of a letter and a text, each with a zero byte at its end."""
    texts = payload.decode(errors="replace").split("\0")
    return asyncpg.PostgresError.new({text[0]: text[1:] for text in texts if text})


def _nothing(_: Outcome) -> None:
    pass
