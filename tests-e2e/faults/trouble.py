"""What can go wrong between two parts, and one connection that it goes wrong on."""

import asyncio
import math
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

PIECE = 65536
COMMIT = b"COMMIT;"
"""As asyncpg ends a transaction. Without the semicolon it may be the begin of one: READ COMMITTED."""
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing drops what is under way and says so


@dataclass(frozen=True)
class Trouble:
    """What goes wrong on a wire; without anything, all passes."""

    latency: float = 0.0
    """Seconds that each piece takes longer, either way."""
    rate: float = math.inf
    """Bytes a second, either way."""
    silent: bool = False
    """Connections are accepted and stay, and nothing passes either way until it is over (half-open)."""
    refused: bool = False
    """Nobody listens; what is open stays."""
    cut_after: float = math.inf
    """A connection is reset when that many bytes have come back on it since the trouble began."""
    unanswered: bytes = b""
    """What goes there passes. Once these bytes have gone there, the connection's next answer is
    dropped when it comes, so that what was asked has happened, and the connection is reset."""
    swallowed: bytes = b""
    """The same, and instead of a reset there is silence: all answers from then on are dropped."""


class Conditions:
    """What all connections of a wire have in common."""

    def __init__(self) -> None:
        self.trouble = Trouble()
        self.lost = 0
        self.calm = asyncio.Event()

    async def passes(self, size: int) -> None:
        """Returns when a piece of that size may go on."""
        if delay := self.trouble.latency + size / self.trouble.rate:
            await asyncio.sleep(delay)
        await self.calm.wait()


class _Cut(ConnectionResetError):
    """After these bytes."""

    def __init__(self, rest: bytes) -> None:
        super().__init__()
        self.rest = rest


class Connection:
    """Two sockets: `near` is of who connected, `far` of the part that they meant."""

    def __init__(self, conditions: Conditions, near: socket.socket, far: socket.socket) -> None:
        self._conditions = conditions
        self._near = near
        self._far = far
        self._pumps: list[asyncio.Task[None]] = []
        self.begin()
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def begin(self) -> None:
        """Of a new trouble."""
        self._came_back = 0
        self._asked = b""
        self._marked = False

    async def run(self) -> None:
        ways = ((self._near, self._far, self._there), (self._far, self._near, self._back))
        try:
            async with asyncio.TaskGroup() as group:
                for source, target, looks_at in ways:
                    self._pumps.append(group.create_task(self._pump(source, target, looks_at)))
        except* OSError:
            self.reset()
        finally:
            self._near.close()
            self._far.close()

    def reset(self) -> None:
        """Both sides hear of it at once."""
        for end in (self._near, self._far):
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        for pump in self._pumps:
            pump.cancel()

    async def _pump(
        self, source: socket.socket, target: socket.socket, looks_at: Callable[[bytes], bytes]
    ) -> None:
        loop = asyncio.get_running_loop()
        while piece := await loop.sock_recv(source, PIECE):
            await self._conditions.passes(len(piece))
            try:
                passes = looks_at(piece)
            except _Cut as cut:
                await loop.sock_sendall(target, cut.rest)
                raise
            await loop.sock_sendall(target, passes)
        target.shutdown(socket.SHUT_WR)

    def _there(self, piece: bytes) -> bytes:
        """All of it; remembers whether the bytes that are waited for were in it."""
        mark = self._conditions.trouble.unanswered or self._conditions.trouble.swallowed
        if mark:
            self._asked = self._asked[max(0, len(self._asked) - len(mark) + 1) :] + piece
            self._marked = self._marked or mark in self._asked
        return piece

    def _back(self, piece: bytes) -> bytes:
        """What passes of it. Raises ConnectionResetError when that is the last of this connection."""
        trouble = self._conditions.trouble
        if self._marked:
            self._conditions.lost += 1
            if trouble.unanswered:
                raise ConnectionResetError
            return b""
        left = trouble.cut_after - self._came_back
        self._came_back += len(piece)
        if len(piece) > left:
            raise _Cut(piece[: int(left)])
        return piece


def reset(end: socket.socket) -> None:
    """Close it so that the other side hears of it at once."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    end.close()
