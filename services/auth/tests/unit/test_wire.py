"""When the head of an answer is sent."""

import asyncio

from auth_service.wire import Joined

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Wire(asyncio.Transport):
    """What was written, write by write."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def test_with_what_comes_next_and_all_else_at_once() -> None:
    wire = Wire()
    joined = Joined(wire, asyncio.get_running_loop())
    for data in (HEAD, b"a", b"b", HEAD, b""):
        joined.write(data)
    await asyncio.sleep(0)
    assert wire.sent == [HEAD + b"a", b"b", HEAD]


async def test_alone_when_nothing_comes_in_that_turn() -> None:
    wire = Wire()
    joined = Joined(wire, asyncio.get_running_loop())
    joined.write(HEAD)
    await asyncio.sleep(0)
    joined.write(b"a")
    assert wire.sent == [HEAD, b"a"]


async def test_before_the_end_and_not_after_it() -> None:
    first, second = Wire(), Wire()
    joined = Joined(first, asyncio.get_running_loop())
    joined.write(HEAD)
    joined.close()
    assert (first.sent, joined.is_closing()) == ([HEAD], True)
    joined = Joined(second, asyncio.get_running_loop())
    joined.write(HEAD)
    second.close()  # by the other side
    await asyncio.sleep(0)
    assert second.sent == []
