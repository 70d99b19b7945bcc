"""The wired stack, one for all, and a limit of time for each test on it."""

import signal
from collections.abc import Iterator
from types import FrameType
from typing import Never

import pytest

import declared
from actors import Person
from faults.stack import PATIENCE, WiredStack, say, wired
from private import told

MOST_SECONDS = 90.0


@pytest.fixture(scope="session")
def wires() -> Iterator[WiredStack]:
    """Two replicas of each service, with a proxy between any two parts. No log tells what is private."""
    with wired() as stack:
        declared.watch(stack.base_url)
        yield stack
        leaks = {
            log.name: told(log.read_text(errors="replace")) for log in (stack.data / "logs").glob("*.log")
        }
    assert not any(leaks.values()), leaks


@pytest.fixture
def dora(wires: WiredStack) -> Person:
    """Somebody who is signed in there."""
    return Person.signed_in(wires.base_url)


@pytest.fixture(autouse=True)
def _ends_in_time(request: pytest.FixtureRequest) -> Iterator[None]:
    """A fault may hang a test, and must not hang the suite."""
    if request.node.get_closest_marker("faults") is None:
        yield
        return

    def over(_number: int, _frame: FrameType | None) -> Never:
        raise TimeoutError(f"not over after {MOST_SECONDS * PATIENCE:.0f} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS * PATIENCE)
    say(request.node.name)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
