"""Whole answers, each put together at once: by one format for each set of field names.

uvicorn looks at every field of every answer anew, by two regular expressions each: a twelfth of a
cached read. The names are the same again and again, and looked at once. All else that it looks at
is looked at here too, and what is no whole answer goes its way.
"""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HEADER_RE, STATUS_LINE, RequestResponseCycle

FORMS: Final = 256

_CONTROLS: Final = bytes({*range(0x20), 0x7F} - {ord("\t")})
"""No value of a field has one of these (RFC 9110, 5.5)."""
_OF_SERVER: Final = frozenset({b"connection", b"transfer-encoding"})
"""Who has these in an answer has more to do than to send it."""
_EMPTY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class Form(NamedTuple):
    """What the answers of one status with the same field names have in common."""

    head: bytes
    """A format for the values of the fields, in their order."""
    length: int | None
    """The place of Content-Length among them; None for answers that have no body."""


@lru_cache(maxsize=FORMS)
def form(status: int, names: tuple[bytes, ...]) -> Form | None:
    """None if that takes more than to put them together, or is not allowed."""
    lowered = [name.lower() for name in names]
    is_empty = status in _EMPTY
    lengths = lowered.count(b"content-length")
    if lengths != (0 if is_empty else 1) or not _OF_SERVER.isdisjoint(lowered):
        return None
    if any(HEADER_RE.search(name) for name in lowered):
        return None
    lines = b"".join(b"%b: %%b\r\n" % name.replace(b"%", b"%%") for name in lowered)
    place = None if is_empty else lowered.index(b"content-length")
    return Form(STATUS_LINE[status].replace(b"%", b"%%") + lines + b"\r\n", place)


Head = tuple[Message, Form, tuple[bytes, ...]]
"""A head that waits for its body: its message, its form, the values of its fields."""


class Whole:
    """An application for one request: whole answers go out by `write`, all others by `cycle`.

    A head whose form is known waits for the body; what comes next tells whether that is all.
    """

    __slots__ = ("_app", "_cycle", "_head", "_send", "_write")

    def __init__(
        self, app: ASGIApp, cycle: RequestResponseCycle, write: Callable[[bytes], None]
    ) -> None:
        self._app = app
        self._cycle = cycle
        self._write = write
        self._head: Head | None = None
        self._send: Send

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve the request; `send` is the cycle's."""
        self._send = send
        return self._app(scope, receive, self.send)

    async def send(self, message: Message) -> None:
        """What the application sends (ASGI)."""
        head, self._head = self._head, None
        if head is None:
            self._head = self._known(message)
            if self._head is None:
                await self._send(message)
        elif not self._sent(head, message):
            await self._send(head[0])
            await self._send(message)

    def _known(self, message: Message) -> Head | None:
        """The head of an answer that may be whole."""
        cycle = self._cycle
        if message["type"] != "http.response.start" or cycle.response_started:
            return None
        fields = [*cycle.default_headers, *message.get("headers", ())]
        names, values = zip(*fields, strict=True) if fields else ((), ())
        known = form(message["status"], names)
        return None if known is None else (message, known, values)

    def _sent(self, head: Head, message: Message) -> bool:
        """Whether the answer was whole and has gone."""
        cycle, (_, known, values) = self._cycle, head
        body = message.get("body", b"")
        if (
            message["type"] != "http.response.body"
            or message.get("more_body", False)
            or cycle.disconnected
            or cycle.flow.write_paused
            or not cycle.keep_alive
            or cycle.access_log
            or cycle.scope["method"] == "HEAD"
            or not _fits(body, known, values)
        ):
            return False
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        self._write(known.head % values + body)
        cycle.response_complete = True
        cycle.message_event.set()
        cycle.on_response()
        return True


def _fits(body: bytes, known: Form, values: tuple[bytes, ...]) -> bool:
    """Whether the body has the length that is told, and no value breaks the head."""
    told = b"0" if known.length is None else values[known.length]
    text = b"".join(values)
    return told == b"%d" % len(body) and len(text.translate(None, _CONTROLS)) == len(text)
