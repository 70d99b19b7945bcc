"""The bytes of Postgres's protocol, whole and in pieces."""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expenses_service.changes.link import Link, Outcome
from tests.tokens import user_id

ADA = user_id(1)
BASE = 1_000
LATE = 1e12


class Wire(asyncio.Transport):
    """What was written, and whom what comes is for."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.protocol: Any = Driver()
        self.closing = False
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.aborted = True

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol  # type: ignore[no-any-return]  # of whichever kind

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


class Driver(asyncio.Protocol):
    """Who had the socket before."""

    lost = 0

    def connection_lost(self, _: Exception | None) -> None:
        self.lost += 1


@dataclass
class Connection:
    """The driver's, as far as it matters."""

    _transport: Wire = field(default_factory=Wire)
    terminated: int = 0

    def terminate(self) -> None:
        self.terminated += 1


@dataclass
class Asked:
    """A link, what is behind it, and what it tells."""

    connection: Connection = field(default_factory=Connection)
    told: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.driver: Driver = self.connection._transport.protocol  # noqa: SLF001 - ours
        self.link = Link(self.connection, BASE, self.told.append)  # type: ignore[arg-type]  # all that is used


def message(kind: bytes, payload: bytes = b"") -> bytes:
    return kind + (4 + len(payload)).to_bytes(4) + payload


def row(user: UUID, seq: int) -> bytes:
    columns = (user.bytes, seq.to_bytes(8))
    fields = b"".join(len(each).to_bytes(4) + each for each in columns)
    return message(b"D", (2).to_bytes(2) + fields)


def failed(code: str, severity: str = "ERROR") -> bytes:
    fields = {"S": severity, "V": severity, "C": code, "M": "it \xfcs not"}
    lines = [(letter + text).encode("latin-1") + b"\0" for letter, text in fields.items()]
    return message(b"E", b"".join(lines) + b"\0")


def answered(rows: dict[UUID, int]) -> bytes:
    found = b"".join(row(user, seq) for user, seq in rows.items())
    return message(b"2") + found + message(b"C", b"SELECT\0") + READY


READY = message(b"Z", b"I")
ASIDE = message(b"S", b"TimeZone\0UTC\0") + message(b"N", b"SNOTICE\0\0")


async def asked_with(pieces: list[bytes]) -> list[Outcome]:
    one = Asked()
    for piece in pieces:
        one.link.data_received(piece)
    return one.told


@given(
    answers=st.lists(
        st.dictionaries(st.uuids(), st.integers(1, 2**62), max_size=4), min_size=1, max_size=3
    ),
    cuts=st.sets(st.integers(0, 700)),
    aside=st.booleans(),
)
def test_answers_come_in_any_pieces(
    answers: list[dict[UUID, int]], cuts: set[int], *, aside: bool
) -> None:
    data = b"".join((ASIDE if aside else b"") + answered(rows) for rows in answers)
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    expected = [{user.bytes: seq + BASE for user, seq in rows.items()} for rows in answers]
    assert asyncio.run(asked_with(pieces)) == expected


async def test_a_question_is_bound_executed_and_ended_in_one_piece() -> None:
    one = Asked()
    one.link.ask([ADA], LATE)
    one.link.ask([ADA, user_id(2)], LATE)
    for sent in one.connection._transport.sent:  # noqa: SLF001 - ours
        kinds = []
        while sent:
            size = int.from_bytes(sent[1:5])
            kinds.append(sent[:1])
            sent = sent[1 + size :]  # noqa: PLW2901 - message by message
        assert kinds == [b"B", b"E", b"S"]


async def test_an_error_is_told_when_the_server_is_done_with_it() -> None:
    one = Asked()
    one.link.data_received(failed("42703"))
    assert one.told == []
    one.link.data_received(READY)
    [told] = one.told
    assert isinstance(told, asyncpg.UndefinedColumnError)
    assert one.link.is_closing  # nobody asks here again


async def test_last_words_are_heard_while_nothing_is_asked() -> None:
    one = Asked()
    assert not one.link.is_closing
    one.link.data_received(failed("57P01", "FATAL"))
    assert one.link.is_closing
    one.link.connection_lost(None)
    [told] = one.told
    assert isinstance(told, asyncpg.AdminShutdownError)
    assert one.driver.lost == 1


@pytest.mark.parametrize("error", [None, BrokenPipeError()])
async def test_a_connection_that_is_lost_without_a_word(error: Exception | None) -> None:
    one = Asked()
    one.link.ask([ADA], LATE)
    one.link.connection_lost(error)
    [told] = one.told
    assert told is error or (error is None and isinstance(told, ConnectionResetError))
    assert one.driver.lost == 1


async def test_a_question_has_its_time() -> None:
    one = Asked()
    loop = asyncio.get_running_loop()
    one.link.ask([ADA], loop.time() + 0.05)
    one.link.data_received(answered({ADA: 1}))
    await asyncio.sleep(0.1)
    one.link.ask([ADA], loop.time() + 0.05)
    await asyncio.sleep(0.1)
    assert one.told == [{ADA.bytes: 1 + BASE}, one.told[1]]
    assert isinstance(one.told[1], TimeoutError)


@pytest.mark.parametrize("is_closing", [False, True])
async def test_what_is_cut_tells_nothing(*, is_closing: bool) -> None:
    one = Asked()
    loop = asyncio.get_running_loop()
    one.link.ask([ADA], loop.time() + 0.05)
    one.connection._transport.closing = is_closing  # noqa: SLF001 - ours
    one.link.cut()
    assert one.connection.terminated == (not is_closing)
    assert one.connection._transport.aborted == is_closing  # noqa: SLF001 - ours
    await asyncio.sleep(0.1)
    one.link.data_received(answered({ADA: 1}))
    one.link.connection_lost(None)
    assert one.told == []
