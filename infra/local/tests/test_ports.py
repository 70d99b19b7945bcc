"""Ports that are reserved, and the ranges that they are from."""

import random
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local import bootstrap, ports
from infra.local.failure import Failure
from infra.local.stack import Stack

NAMES = ("gateway", *"abcdefghij")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Three neighbours that are free, and no others to choose from."""
    every = ports.FREE
    while True:
        first = random.choice(every[:-2])  # noqa: S311 - of no secret
        monkeypatch.setattr(ports, "FREE", range(first, first + 3))
        with suppress(Failure):  # somebody has one of them: others are looked for
            ports.release(ports.reserve("abc", 0).values())
            return [first, first + 1, first + 2]


def test_no_connection_of_anybody_gets_one() -> None:
    """The kernel gives those from its own range (ip(7), ip_local_port_range)."""
    lowest, _ = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert ports.FREE.stop <= lowest
    reserved = ports.reserve(NAMES, 0)
    ports.release(reserved.values())
    assert set(reserved) == set(NAMES)
    assert len(set(reserved.values())) == len(NAMES)
    assert set(reserved.values()) <= set(ports.FREE)
    assert ports.free() in ports.FREE


def test_each_is_another_and_none_is_taken(few: list[int]) -> None:
    with socket.create_server((ports.HOST, few[1])):
        assert sorted(ports.reserve("ab", 0).values()) == [few[0], few[2]]
        ports.release(few)
        assert ports.reserve(("a", "gateway"), few[0]) == {"a": few[2], "gateway": few[0]}
        with pytest.raises(Failure, match=f"No port from {few[0]} to {few[2]} is free"):
            ports.reserve("abc", 0)
        ports.release(few)


def test_one_that_is_held_is_given_to_nobody_else(few: list[int]) -> None:
    """Nobody listens on any of them yet; a process beside this one sees that all the same."""
    script = f"from infra.local import ports; ports.FREE = range({few[0]}, {few[2]} + 1); print(ports.free())"
    beside = [sys.executable, "-c", script]
    held = ports.reserve("abc", 0)
    refused = subprocess.run(beside, cwd=bootstrap.ROOT, capture_output=True, text=True, check=False)
    assert refused.stderr.endswith(f"No port from {few[0]} to {few[2]} is free.\n")
    ports.release([held["b"]])
    given = subprocess.run(beside, cwd=bootstrap.ROOT, capture_output=True, text=True, check=True)
    assert int(given.stdout) == held["b"]
    ports.release(few)


def test_when_not_all_can_be_had_none_is_held(few: list[int]) -> None:
    with pytest.raises(Failure, match="No port"):
        ports.reserve("abcd", 0)
    assert sorted(ports.reserve("abc", 0).values()) == few
    ports.release(few)


def test_one_that_is_given_and_taken_is_told(few: list[int]) -> None:
    with socket.create_server((ports.HOST, few[0])), pytest.raises(Failure, match=f"Port {few[0]} cannot"):
        ports.reserve(("gateway",), few[0])


def test_a_stack_that_is_closed_lets_go_of_a_second_service_s_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stack, "closing", False)  # which closing it sets for good
    stack = Stack(tmp_path / "data", port=0)
    spare = {**stack.place.ports, "auth": ports.free()}
    stack.places["auth-next"] = replace(stack.place, ports=spare)
    stack.close()
    for port in (*stack.place.ports.values(), spare["auth"]):
        monkeypatch.setattr(ports, "FREE", range(port, port + 1))
        assert ports.free() == port
    ports.release([*stack.place.ports.values(), spare["auth"]])


def test_none_is_free(few: list[int]) -> None:
    with ExitStack() as taken:
        for port in few:
            taken.enter_context(socket.create_server((ports.HOST, port)))
        with pytest.raises(Failure, match="No port"):
            ports.free()
