"""How a signal ends a long run, so that all that it started ends with it."""

import signal
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """A signal asked us to stop."""


def catch_signals() -> None:
    """From now on each of these raises Stopped, once."""
    for number in ENDING:
        signal.signal(number, _on_signal)


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    """A second one while all is being stopped must leave nothing behind."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise Stopped
