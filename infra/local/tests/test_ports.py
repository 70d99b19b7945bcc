"""Ports that are reserved, and the ranges that they are from."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.local import ports
from infra.local.failure import Failure

NAMES = ("gateway", *"abcdefghij")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Three neighbours that are free, and no others to choose from."""
    first = ports.free()
    while first + 2 not in ports.FREE:
        first = ports.free()
    monkeypatch.setattr(ports, "FREE", range(first, first + 3))
    return [first, first + 1, first + 2]


def test_no_connection_of_anybody_gets_one() -> None:
    """The kernel gives those from its own range (ip(7), ip_local_port_range)."""
    lowest, _ = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert ports.FREE.stop <= lowest
    reserved = ports.reserve(NAMES, 0)
    assert set(reserved) == set(NAMES)
    assert len(set(reserved.values())) == len(NAMES)
    assert set(reserved.values()) <= set(ports.FREE)
    assert ports.free() in ports.FREE


def test_each_is_another_and_none_is_taken(few: list[int]) -> None:
    with socket.create_server((ports.HOST, few[1])):
        assert sorted(ports.reserve("ab", 0).values()) == [few[0], few[2]]
        assert ports.reserve(("a", "gateway"), few[0]) == {"a": few[2], "gateway": few[0]}
        with pytest.raises(Failure, match=f"No port from {few[0]} to {few[2]} is free"):
            ports.reserve("abc", 0)


def test_one_that_is_given_and_taken_is_told(few: list[int]) -> None:
    with socket.create_server((ports.HOST, few[0])), pytest.raises(Failure, match=f"Port {few[0]} cannot"):
        ports.reserve(("gateway",), few[0])


def test_none_is_free(few: list[int]) -> None:
    with ExitStack() as taken:
        for port in few:
            taken.enter_context(socket.create_server((ports.HOST, port)))
        with pytest.raises(Failure, match="No port"):
            ports.free()
