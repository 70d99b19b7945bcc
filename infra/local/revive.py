"""Starts a part of the stack again that has ended by itself, a little later each time, not for ever."""

import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from types import TracebackType
from typing import Self

from infra.local.process import Process
from infra.local.stack import Stack

TIMES = 3  # within WINDOW_SECONDS; after that it ends for a reason that a start does not mend
WINDOW_SECONDS = 60.0
SOON_SECONDS = 5.0  # who has run for longer has ended for another one, such as a kill
LOOK_SECONDS = 0.2


class Reviver:
    """Looks again and again, in a thread of its own: who holds the stack may be busy for minutes."""

    def __init__(self, stack: Stack, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._say = say
        self._ends: dict[str, list[float]] = defaultdict(list)
        self._due: dict[Process, float] = {}
        self._enough = Event()
        self._thread = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        try:
            self._given_up: Future[Process | None] = self._thread.submit(self._go_on)
        except BaseException:  # a signal came while it began, and nobody will call __exit__
            self._enough.set()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._enough.set()
        self._thread.shutdown()

    def given_up(self) -> Process | None:
        """The part that has ended too often. Raises what kept one from being started."""
        return self._given_up.result() if self._given_up.done() else None

    def _go_on(self) -> Process | None:
        while (part := self._look()) is None and not self._enough.wait(LOOK_SECONDS):
            pass
        return part

    def _look(self) -> Process | None:
        """Start what has ended, when its time has come; the part that has ended too often."""
        now = time.monotonic()
        ended = self._stack.ended()
        self._due = {part: due for part, due in self._due.items() if part in ended}
        for part in ended:
            if part not in self._due:
                soon = now - part.began < SOON_SECONDS
                recent = [end for end in self._ends[part.name] if soon and now - end < WINDOW_SECONDS]
                if len(recent) == TIMES:
                    return part
                if soon:
                    self._ends[part.name] = [*recent, now]
                self._due[part] = now + 2 ** len(recent) - 1  # at once, after a second, after three
                self._say(f"{part.name} has ended {part.end}, and is started again; its log: {part.log}")
            if now >= self._due[part]:
                self._stack.revive(part)
        return None
