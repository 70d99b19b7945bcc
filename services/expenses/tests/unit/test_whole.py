"""Answers put together at once, against uvicorn's own way of sending them."""

import asyncio
import socket
from collections.abc import Iterator, Sequence

import pytest
import uvicorn
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from expenses_service.whole import FORMS, form
from expenses_service.wire import Protocol

DATE = (b"date", b"Sat, 28 Nov 2026 14:00:00 GMT")
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\ndate: " + DATE[1] + b"\r\ncontent-length: 1\r\n\r\na"
TURNS = 8
UNCONNECTED = socket.socket()  # it takes the options that a connection is given


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    UNCONNECTED.close()


class Wire(asyncio.Transport):
    """What was written, write by write, before it was closed and after that."""

    def __init__(self) -> None:
        super().__init__({"socket": UNCONNECTED})
        self.writes: list[bytes] = []
        self.late: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        (self.late if self.closed else self.writes).append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def connected(kind: type[HttpToolsProtocol], app: ASGIApp) -> tuple[HttpToolsProtocol, Wire]:
    config = uvicorn.Config(app, log_config=None, access_log=False)
    config.load()
    state = ServerState()
    state.default_headers = [DATE]
    protocol, wire = kind(config=config, server_state=state, app_state={}), Wire()
    protocol.connection_made(wire)
    return protocol, wire


async def turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


def start(*fields: tuple[bytes, bytes], status: int = 200) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(fields)}


def length(data: bytes) -> tuple[bytes, bytes]:
    return (b"content-length", b"%d" % len(data))


def body(data: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


def answering(head: Message, go_on: asyncio.Event) -> ASGIApp:
    """Its head, and when it may go on the body `a`."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(head)
        await go_on.wait()
        await send(body(b"a"))

    return app


async def told(
    kind: type[HttpToolsProtocol], request: bytes, answers: Sequence[Sequence[Message]]
) -> tuple[bytes, bool]:
    """All that is sent, and whether the connection ends with it."""
    left = iter(answers)

    async def app(_: Scope, __: Receive, send: Send) -> None:
        for message in next(left, ()):
            await send(message)

    protocol, wire = connected(kind, app)
    protocol.data_received(request)
    for _ in answers:
        await turns()
    closed = wire.closed
    protocol.connection_lost(None)
    return b"".join(wire.writes), closed


PIECES = st.sampled_from([b"", b"a", b"some%b\r\n"])
ORDINARY = [(b"ETag", b'"%b %%"'), (b"a%b", b"%s"), (b"x-a", b""), (b"x-b", b"\t\xe4")]
FRAMING = [(b"connection", b"close"), (b"Connection", b"keep-alive"), (b"content-length", b"007")]
CHUNKED = (b"Transfer-Encoding", b"chunked")
BAD = [
    (b"bad name", b"a"),
    (b"x-c", b"a\r\nb: c"),
    (b"x-d", b"\n"),
    (b"x-e", b"\x00"),
    (b"x-f", b"\x7f"),
]
FIELDS = st.sampled_from([*ORDINARY, *FRAMING, CHUNKED, *BAD])


@st.composite
def answers(draw: st.DrawFn) -> list[Message]:
    """Whole ones as a rule, with the length that they have."""
    pieces = draw(st.lists(PIECES, min_size=1, max_size=2))
    fields = draw(st.lists(FIELDS, max_size=2))
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
        fields.insert(draw(st.integers(0, len(fields))), length(b"".join(pieces)))
    head = start(*fields, status=draw(st.sampled_from([200, 201, 204, 304, 500])))
    messages = [head, *(body(piece, more=True) for piece in pieces)]
    messages[-1]["more_body"] = False
    if draw(st.sampled_from([False] * 5 + [True])):  # one too many, in some place
        extra = draw(st.sampled_from([head, start(), body(b"", more=True), body(b"a")]))
        messages.insert(draw(st.integers(0, len(messages))), extra)
    return messages


@settings(max_examples=300)
@given(
    method=st.sampled_from([b"GET", b"HEAD", b"POST"]),
    version=st.sampled_from([b"1.1", b"1.0"]),
    field=st.sampled_from([b"", b"Connection: close\r\n", b"Connection: keep-alive\r\n"]),
    sent=st.lists(answers(), min_size=1, max_size=3),
)
@example(b"GET", b"1.1", b"", [[start(), start(length(b"a")), body(b"a")]])
@example(b"GET", b"1.1", b"", [[start(length(b"a")), body(b"a"), start(length(b"a"))]])
@example(b"HEAD", b"1.1", b"", [[start(length(b"a")), body(b"a")]])
@example(b"GET", b"1.1", b"", [[start(length(b"a")), body(b"ab")]])
@example(b"GET", b"1.1", b"", [[start(length(b"a"), (b"x", b"a\r\nb: c")), body(b"a")]])
@example(b"GET", b"1.1", b"", [[start(length(b"a"), (b"bad name", b"a")), body(b"a")]])
async def test_the_same_bytes_as_uvicorn_sends(
    method: bytes, version: bytes, field: bytes, sent: list[list[Message]]
) -> None:
    request = b"%b /a HTTP/%b\r\nHost: x\r\n%b\r\n" % (method, version, field)
    pipelined = request * len(sent)
    own = await told(Protocol, pipelined, sent)
    assert own == await told(HttpToolsProtocol, pipelined, sent)


@pytest.mark.parametrize(
    ("head", "data"),
    [(start(length(b"a")), b"a"), (start(length(b"")), b""), (start(status=304), b"")],
)
async def test_one_write_for_a_whole_answer(head: Message, data: bytes) -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(head)
        await turns()
        await send(body(data))

    protocol, wire = connected(Protocol, app)
    protocol.data_received(GET)
    for _ in range(3):
        await turns()
    assert [piece.endswith(b"\r\n\r\n" + data) for piece in wire.writes] == [True]


async def test_a_head_without_a_length_waits_for_nothing() -> None:
    more = asyncio.Event()
    protocol, wire = connected(Protocol, answering(start(), more))
    protocol.data_received(GET)
    await turns()
    assert b"".join(wire.writes).endswith(b"transfer-encoding: chunked\r\n\r\n")
    more.set()
    await turns()
    assert b"".join(wire.writes).endswith(b"\r\n\r\n1\r\na\r\n0\r\n\r\n")


@pytest.mark.parametrize("is_error", [True, False])
async def test_an_application_that_fails_after_its_head_is_a_500(*, is_error: bool) -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(start(length(b"a")))
        if is_error:
            raise RuntimeError

    protocol, wire = connected(Protocol, app)
    protocol.data_received(GET)
    await turns()
    assert b"".join(wire.writes).startswith(b"HTTP/1.1 500 ")
    assert wire.closed


async def test_who_has_gone_is_sent_nothing() -> None:
    gone = asyncio.Event()
    protocol, wire = connected(Protocol, answering(start(length(b"a")), gone))
    protocol.data_received(GET)
    await turns()
    protocol.connection_lost(None)
    gone.set()
    await turns()
    assert wire.writes == wire.late == []


async def test_it_waits_while_the_reader_takes_nothing() -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(start(length(b"a")))
        await send(body(b"a"))

    protocol, wire = connected(Protocol, app)
    protocol.pause_writing()
    protocol.data_received(GET)
    await turns()
    assert wire.writes == []
    protocol.resume_writing()
    await turns()
    assert wire.writes == [WHOLE]


async def test_the_last_answer_before_the_server_stops_says_so() -> None:
    stopping = asyncio.Event()
    protocol, wire = connected(Protocol, answering(start(length(b"a")), stopping))
    protocol.data_received(GET)
    await turns()
    protocol.shutdown()
    stopping.set()
    await turns()
    assert b"".join(wire.writes).endswith(b"connection: close\r\n\r\na")
    assert wire.closed


async def test_who_answers_without_the_body_does_not_ask_for_it() -> None:
    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await send(start(length(b"a")))
        await send(body(b"a"))
        assert (await receive())["type"] == "http.disconnect"

    protocol, wire = connected(Protocol, app)
    protocol.data_received(
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    )
    await turns()
    assert wire.writes == [WHOLE]


async def test_who_waits_for_more_of_the_request_is_told_that_it_is_over() -> None:
    async def app(_: Scope, receive: Receive, send: Send) -> None:
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await send(start(length(b"a")))
        await send(body(b"a"))
        assert (await waiting)["type"] == "http.disconnect"
        ended.set()

    ended = asyncio.Event()
    protocol, _ = connected(Protocol, app)
    protocol.data_received(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
    await turns()
    assert ended.is_set()


def test_a_form_is_made_once_for_each_set_of_names() -> None:
    form.cache_clear()
    for n in range(2 * FORMS):
        form(200, (b"content-length", b"x-%d" % n))
    assert form.cache_info().currsize == FORMS
    assert form(200, (b"content-length", b"vary")) is form(200, (b"content-length", b"vary"))


async def test_an_application_that_has_been_given_up_adds_nothing() -> None:
    late: list[asyncio.Task[None]] = []

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(start(length(b"a")))

        async def finish() -> None:
            with pytest.raises(RuntimeError):
                await send(body(b"a"))

        late.append(asyncio.create_task(finish()))

    protocol, wire = connected(Protocol, app)
    protocol.data_received(GET)
    await turns()
    await late[0]
    assert b"200 OK" not in b"".join(wire.writes + wire.late)
