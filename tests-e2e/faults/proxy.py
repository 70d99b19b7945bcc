"""A TCP proxy that stands between two parts, and what can go wrong between them.

    with Wires() as wires:
        wire = wires.to(port, …)           # the first of these ports that accepts is connected to
        …                                  # the part that is to be disturbed connects to wire.port
        with wire.having(Trouble(latency=0.2)):
            …                              # also on connections that were there before
        wire.cut()                         # resets all connections, and lets new ones through

All run in one thread of their own, so that a test may block.
"""

import asyncio
import socket
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from threading import Thread
from types import TracebackType
from typing import Any, Self

from faults.trouble import Conditions, Connection, Trouble, reset

HOST = "127.0.0.1"


class Wire:
    """One proxy; `connections` counts all that were accepted."""

    def __init__(self, loop: asyncio.AbstractEventLoop, targets: tuple[int, ...]) -> None:
        self._loop = loop
        self.targets = targets
        self.connections = 0
        self._conditions = Conditions()
        self._open: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket = _bound(0)
        self.port = int(self._socket.getsockname()[1])
        self._listening: asyncio.Task[None] | None = None

    @property
    def lost(self) -> int:
        """Answers that were dropped since the start."""
        return self._conditions.lost

    @contextmanager
    def having(self, trouble: Trouble) -> Iterator[None]:
        """The trouble lasts as long as the block."""
        self.set(trouble)
        try:
            yield
        finally:
            self.set(Trouble())

    def set(self, trouble: Trouble) -> None:
        """From now on, until it is set anew."""
        self._wait(self._set(trouble))

    def cut(self) -> None:
        """Reset all connections."""
        self._wait(self._cut())

    def close(self) -> None:
        """Listen no more and reset what is open."""
        self._wait(self._close())

    def _wait(self, call: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(call, self._loop).result()

    async def _set(self, trouble: Trouble) -> None:
        self._conditions.trouble = trouble
        for connection in self._open:
            connection.begin()
        if trouble.silent:
            self._conditions.calm.clear()
        else:
            self._conditions.calm.set()
        if trouble.refused:
            await self._deafen()
        elif self._listening is None:
            self._socket.listen(1024)
            self._listening = asyncio.create_task(self._accept())

    async def _deafen(self) -> None:
        """A socket that is bound and does not listen: connecting is refused, and the port stays ours."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
            self._listening = None
            self._socket.close()
            self._socket = _bound(self.port)

    async def _cut(self) -> None:
        for connection in list(self._open):
            connection.reset()

    async def _close(self) -> None:
        await self._deafen()
        self._socket.close()
        await self._cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self) -> None:
        while True:
            near, _ = await self._loop.sock_accept(self._socket)
            self.connections += 1
            task = asyncio.create_task(self._serve(near))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, near: socket.socket) -> None:
        """Both ways, until one side closes or breaks."""
        try:
            await self._conditions.calm.wait()
            far = await self._connected()
        except BaseException:
            reset(near)
            raise
        if far is None:
            reset(near)
            return
        connection = Connection(self._conditions, near, far)
        self._open.add(connection)
        try:
            await connection.run()
        finally:
            self._open.discard(connection)

    async def _connected(self) -> socket.socket | None:
        for port in self.targets:
            far = socket.socket()
            far.settimeout(0)
            try:
                await self._loop.sock_connect(far, (HOST, port))
            except OSError:
                far.close()
                continue
            except BaseException:
                far.close()
                raise
            return far
        return None


class Wires:
    """The thread that all proxies of a test run in."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._wires: list[Wire] = []

    def to(self, *ports: int) -> Wire:
        """A new proxy before whoever listens on the first of these ports that accepts."""
        wire = Wire(self._loop, ports)
        wire.set(Trouble())
        self._wires.append(wire)
        return wire

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for wire in self._wires:
            wire.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.settimeout(0)
    made.bind((HOST, port))
    return made
