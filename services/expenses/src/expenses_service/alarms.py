"""Timers for what hardly ever lasts too long, such as a query or an idle connection."""

import asyncio
from collections.abc import Callable
from contextvars import Context


class Alarm:
    """Calls `ring` at the time that it was set to, unless it was set anew or cleared before.

    The loop keeps one timer, which runs out now and then and begins anew, in place of one that is
    made and cancelled for each request, in a context of its own, as it is of no one request.
    """

    __slots__ = ("_at", "_due", "_loop", "_ring", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], object]) -> None:
        self._loop = loop
        self._ring = ring
        self._at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        """When the timer runs out, if there is one."""

    def set(self, at: float) -> None:
        """To a time of the loop's clock. Where it is later than before, the loop is not told."""
        self._at = at
        if self._timer is None or at < self._due:
            self._let_go()
            self._due = at
            self._timer = self._loop.call_at(at, self._run_out, context=Context())

    def clear(self) -> None:
        """It does not ring."""
        self._at = None

    def end(self) -> None:
        """It never rings again, and neither it nor the loop keeps what it was to ring."""
        self._at = None
        self._ring = _nothing
        self._let_go()

    def _let_go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run_out(self) -> None:
        self._timer = None
        at, self._at = self._at, None
        if at is None:
            return
        if self._loop.time() < at:
            self.set(at)
        else:
            self._ring()


def _nothing() -> None:
    pass
