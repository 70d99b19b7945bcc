"""Answers in one piece, and a problem document for what is no HTTP request."""

import asyncio
from typing import Final
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from auth_service.problems import document, respond

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

    def close(self) -> None:
        """What was written is sent first."""
        self._send_head()
        self._transport.close()

    def _send_head(self) -> None:
        if self._head and not self.is_closing():
            self._transport.write(self._head)
        self._head = b""


class Protocol(HttpToolsProtocol):
    """uvicorn's own, which refuses in plain text. There is no path and no header yet to go by."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Answers go out by way of `Joined`."""
        super().connection_made(transport)
        self.transport = Joined(transport, self.loop)  # type: ignore[assignment]  # all that is used

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it says nothing of use
        """Called when the parser has given up; the connection ends."""
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
