"""Answers in one piece, a problem document for no HTTP, an end for who reads nothing more.

And a word to the application as soon as the head of a request has come.
"""

import asyncio
import socket
import sys
from typing import Final
from uuid import uuid4

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from expenses_service.alarms import Alarm
from expenses_service.front import Fronted
from expenses_service.problems import document, respond
from expenses_service.whole import Whole

STALLED_SECONDS: Final = 120
"""The kernel's timer, begun anew whenever the reader takes some; to the gateway that is 64 KiB."""

_VERSION: Final = b"HTTP/1.1 "

_DETAIL: Final = (
    "This is no HTTP/1.1 request: its method is unknown, or its target is not percent-encoded."
)


class Joined:
    """A transport that sends the head of an answer with what follows it at once.

    uvicorn writes them one after the other. A process that hangs or is killed in between has begun
    an answer, which nobody can give in its place any more.
    """

    __slots__ = ("_call_soon", "_head", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._call_soon = loop.call_soon
        self._head = b""
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """A head waits for what comes next, and no longer than this turn of the loop."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif data.startswith(_VERSION):
            self._head = data
            self._call_soon(self._send_head)
        else:
            self._transport.write(data)

    def write_whole(self, data: bytes) -> None:
        """An answer of which nothing more comes."""
        self._send_head()
        self._transport.write(data)

    def close(self) -> None:
        """What was written is sent first."""
        self._send_head()
        self._transport.close()

    def _send_head(self) -> None:
        if self._head and not self.is_closing():
            self._transport.write(self._head)
        self._head = b""


class Protocol(HttpToolsProtocol):
    """uvicorn's own, which refuses in plain text and waits for its readers for ever.

    It makes a timer after each answer and cancels it with the next request: with that of a
    query, a tenth of a cached read. `on_response_complete` is as there, but for that.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """A reader that takes nothing keeps its answer in memory, and its place (tcp(7))."""
        super().connection_made(transport)
        self._idle = Alarm(self.loop, self.timeout_keep_alive_handler)
        self._joined = Joined(transport, self.loop)
        self.transport = self._joined  # type: ignore[assignment]  # all that is used
        if sys.platform == "linux":  # others have no such timer
            milliseconds = int(STALLED_SECONDS * 1000)
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is kept for who has gone."""
        super().connection_lost(exc)
        self._idle.end()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """One that can begin without a task does so now (`front.py`); answers go by `whole.py`."""
        if isinstance(app, Fronted):
            app.ahead(cycle.scope)  # type: ignore[arg-type]  # uvicorn's own name for a scope
        whole = Whole(app, cycle, self._joined.write_whole)  # type: ignore[arg-type]  # the same
        super()._start_asgi_task(cycle, whole)  # type: ignore[arg-type]  # the same

    def on_response_complete(self) -> None:
        """The next request of those that were sent at once, or the wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle.set(self.loop.time() + self.timeout_keep_alive)

    def _unset_keepalive_if_required(self) -> None:
        self._idle.clear()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it says nothing of use
        """Called when the parser has given up; there is no path and no header to go by."""
        request_id = uuid4().hex
        told = respond(
            document(400, "invalid_request", _DETAIL, instance="/", request_id=request_id)
        )
        headers = [
            *self.server_state.default_headers,
            *told.raw_headers,
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        ]
        lines = [b"HTTP/1.1 400 Bad Request", *(b": ".join(header) for header in headers)]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(told.body)]))
        self.transport.close()
