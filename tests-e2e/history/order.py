"""What a call can have seen: all that anybody had been told before it began, nothing asked after its end."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate
from math import inf

from history.operations import Operation
from history.record import Call


class Order:
    """Of one user's changes; `tell` has to be called in the order of the calls' ends."""

    def __init__(self, changes: int, operations: Iterable[Operation]) -> None:
        begun = [inf] * changes
        for operation in operations:
            for entry in (*operation.entries, *operation.candidates):
                begun[entry.seq - 1] = min(begun[entry.seq - 1], operation.first.start)
        known = (0.0 if time == inf else time for time in begun)  # of nobody: it may be of any time
        self._begun = list(accumulate(known, max))
        self._ends: list[float] = []
        self._told: list[tuple[int, Call]] = []

    def least(self, call: Call) -> int:
        """The change that must be seen, as somebody was told of it before."""
        seq, _ = self._before(call)
        return seq

    def most(self, call: Call) -> int:
        """The last change that can be seen: all up to it were asked for in time."""
        return bisect_right(self._begun, call.end)

    def between(self, call: Call) -> range:
        """The numbers of the last change that the call can have seen."""
        return range(self.least(call), self.most(call) + 1)

    def teller(self, call: Call) -> Call | None:
        """Whose answer told of the change that must be seen."""
        _, teller = self._before(call)
        return teller

    def tell(self, call: Call, seq: int) -> None:
        """The answer of `call` shows that the change is there."""
        last = self._told[-1][0] if self._told else 0
        if seq > last:
            self._ends.append(call.end)
            self._told.append((seq, call))

    def _before(self, call: Call) -> tuple[int, Call | None]:
        place = bisect_left(self._ends, call.start)
        return self._told[place - 1] if place else (0, None)
