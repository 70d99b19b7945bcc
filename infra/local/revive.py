"""Starts a part of the stack again that has ended by itself, a little later each time, not for ever."""

import time
from collections import defaultdict
from collections.abc import Callable

from infra.local.process import Process
from infra.local.stack import Stack

TIMES = 3  # within WINDOW_SECONDS; after that it ends for a reason that a start does not mend
WINDOW_SECONDS = 60.0


class Reviver:
    """Looked at again and again by who holds the stack."""

    def __init__(self, stack: Stack, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._say = say
        self._ends: dict[str, list[float]] = defaultdict(list)
        self._due: dict[str, float] = {}

    def look(self) -> Process | None:
        """Start what has ended, when its time has come; the part that has ended too often."""
        now = time.monotonic()
        for part in self._stack.ended():
            if part.name not in self._due:
                recent = [end for end in self._ends[part.name] if now - end < WINDOW_SECONDS]
                if len(recent) == TIMES:
                    return part
                self._ends[part.name] = [*recent, now]
                self._due[part.name] = now + 2 ** len(recent) - 1  # at once, after a second, after three
                self._say(f"{part.name} has ended {part.end}, and is started again; its log: {part.log}")
            if now >= self._due[part.name]:
                del self._due[part.name]
                self._stack.stop(part.name)
                self._stack.launch(part.name)
        return None
