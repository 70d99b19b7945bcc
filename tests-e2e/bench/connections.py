"""Many connections that each pause between their requests, driven by one loop.

`connections.py PLAN` does what the JSON in that file says and writes what came of it, in the words of
load.lua. wrk looks through the timers of all its connections whenever anything happens. Here a pause costs
the same however many there are (infra/adr/0047). Runs by itself, so it imports nothing of the bench.
"""

import json
import random
import re
import select
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

ONCE = b"##########"
LATE_SECONDS = 5.0
"""The gateway answers within these, be it with 504."""
RECEIVED_AT_ONCE = 65_536
HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
MILLISECONDS = 1000

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What is sent, and what may be answered; flood.py writes it."""

    host: str
    port: int
    connections: int
    seconds: float
    pause_ms: int
    """Of a connection between its requests, on average; each pause is drawn anew from 0 to twice that."""
    lists: Sequence[Sequence[bytes]]
    """One or two lists of whole requests; `ONCE` in them becomes a number that no other has."""
    tenths: int
    """Of the requests, those from the first list."""
    first: int
    answers: Mapping[int, frozenset[int]]
    """By status, the lengths that a body may have."""
    refusals: frozenset[int]

    @classmethod
    def read(cls, text: str) -> "Plan":
        """Of flood.py's JSON."""
        plan = json.loads(text)
        plan["lists"] = [[request.encode() for request in one] for one in plan["lists"]]
        plan["answers"] = {int(status): frozenset(lengths) for status, lengths in plan["answers"].items()}
        plan["refusals"] = frozenset(plan["refusals"])
        return cls(**plan)


class Requests:
    """What is sent next, drawn at random."""

    def __init__(self, plan: Plan) -> None:
        self._lists, self._tenths = plan.lists, plan.tenths
        self._number = plan.first

    def draw(self) -> bytes:
        """A whole request."""
        place = 1 if len(self._lists) > 1 and random.random() * 10 >= self._tenths else 0
        self._number += 1
        return random.choice(self._lists[place]).replace(ONCE, b"%010d" % self._number)


class Pauses(Generic[T]):
    """Who sends when, by the millisecond: setting a pause and ending it costs the same at any number."""

    def __init__(self, mean_ms: int) -> None:
        self._longest = 2 * mean_ms
        self._due: list[list[T]] = [[] for _ in range(self._longest + 2)]
        self._now = 0

    def begin(self, connection: T) -> None:
        """It sends after a pause, in the next millisecond at the earliest."""
        at = self._now + 1 + random.randint(0, self._longest)
        self._due[at % len(self._due)].append(connection)

    def end(self, now: int) -> Iterator[T]:
        """Those whose pause is over, when so many milliseconds have passed since the beginning."""
        while self._now < now:
            self._now += 1
            place = self._now % len(self._due)
            due, self._due[place] = self._due[place], []
            yield from due


@dataclass
class Results:
    """What came of it."""

    wrong: int = 0
    example: str = ""
    socket_errors: int = 0
    timeouts: int = 0
    good: list[float] = field(default_factory=list)
    """How long each took, in seconds."""
    refused: list[float] = field(default_factory=list)

    def is_wrong(self, what: str) -> None:
        """An answer that must not be."""
        self.wrong += 1
        self.example = self.example or what

    def told(self, seconds: float) -> dict[str, Any]:
        """In the words of load.lua, and how long a refusal takes. p50 and p99 are of good answers alone."""
        return {
            "seconds": seconds, "good": len(self.good), "refused": len(self.refused), "wrong": self.wrong,
            "example": self.example, "socket_errors": self.socket_errors, "timeouts": self.timeouts,
            "p50_ms": percentile(self.good, 50), "p99_ms": percentile(self.good, 99),
            "refused_p95_ms": percentile(self.refused, 95) if self.refused else None,
        }  # fmt: skip


def percentile(seconds: Sequence[float], part: int) -> float:
    """In milliseconds; 0 of none."""
    ordered = sorted(seconds)
    return ordered[len(ordered) * part // 100] * MILLISECONDS if ordered else 0.0


class Connection:
    """One request at a time."""

    __slots__ = (
        "_answers", "_head", "_length", "_missing", "_refusals", "_results", "_sent_at", "_socket", "_status",
    )  # fmt: skip

    def __init__(self, plan: Plan, results: Results) -> None:
        self._socket = socket.create_connection((plan.host, plan.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(0)
        self._answers, self._refusals, self._results = plan.answers, plan.refusals, results
        self._sent_at = 0.0
        """When what is not answered yet was sent; 0 while it pauses."""
        self._head = b""
        self._status = self._length = 0
        self._missing = 0
        """Of the body, once the head is here."""

    def fileno(self) -> int:
        """For epoll."""
        return self._socket.fileno()

    def close(self) -> None:
        """Whatever it waits for."""
        self._socket.close()

    def send(self, request: bytes, now: float) -> bool:
        """Whether it could."""
        self._sent_at = now
        try:
            if self._socket.send(request) == len(request):
                return True
        except OSError:
            pass
        self._results.socket_errors += 1
        return False

    def receive(self, now: float) -> bool | None:
        """Whether all of the answer is here; None when this connection is of no more use."""
        try:
            data = self._socket.recv(RECEIVED_AT_ONCE)
        except OSError:
            data = b""
        if not (data and self._sent_at):
            self._results.socket_errors += 1
            return None
        if self._missing:
            self._missing -= len(data)
        else:
            data = self._head + data
            end = data.find(HEAD_END)
            if end < 0:
                self._head = data
                return False
            self._head = b""
            if not self._understand(data[: end + len(HEAD_END)]):
                return None
            self._missing = self._length - (len(data) - end - len(HEAD_END))
        if self._missing < 0:
            self._results.is_wrong("more than was declared")
            return None
        if self._missing:
            return False
        self._judge(now - self._sent_at)
        self._sent_at = 0.0
        return True

    def is_late(self, now: float) -> bool:
        """It has waited for an answer for longer than one takes."""
        return bool(self._sent_at) and now - self._sent_at > LATE_SECONDS

    def _understand(self, head: bytes) -> bool:
        status, declared = head[9:12], LENGTH.search(head)
        if not (declared and status.isdigit()):
            self._results.is_wrong(f"no status or length, {head[:40]!r}")
            return False
        self._status, self._length = int(status), int(declared[1])
        return True

    def _judge(self, seconds: float) -> None:
        self._results.timeouts += seconds > LATE_SECONDS
        if self._length in self._answers.get(self._status, ()):
            self._results.good.append(seconds)
        elif self._status in self._refusals:
            self._results.refused.append(seconds)
        else:
            self._results.is_wrong(f"{self._status} with {self._length} bytes")


def drive(plan: Plan) -> dict[str, Any]:
    """Until the time is over; a connection that breaks is not replaced, as the run has failed then."""
    random.seed(plan.first)
    results = Results()
    with ExitStack() as stack, select.epoll() as poll:
        usable: dict[int, Connection] = {}
        for _ in range(plan.connections):
            connection = stack.enter_context(closing(Connection(plan, results)))
            usable[connection.fileno()] = connection
            poll.register(connection.fileno(), select.EPOLLIN)
        seconds = _drive(plan, usable, poll)
        results.timeouts += sum(connection.is_late(time.perf_counter()) for connection in usable.values())
    return results.told(seconds)


def _drive(plan: Plan, usable: dict[int, Connection], poll: select.epoll) -> float:
    requests, clock = Requests(plan), time.perf_counter
    pauses: Pauses[Connection] = Pauses(plan.pause_ms)

    def forget(file: int) -> None:
        poll.unregister(file)
        del usable[file]

    for connection in usable.values():
        pauses.begin(connection)
    began = now = clock()
    while now - began < plan.seconds:
        for connection in pauses.end(int((now - began) * MILLISECONDS)):
            file = connection.fileno()
            if file in usable and not connection.send(requests.draw(), clock()):
                forget(file)
        for file, _ in poll.poll(1 / MILLISECONDS):
            done = usable[file].receive(clock())
            if done:
                pauses.begin(usable[file])
            elif done is None:
                forget(file)
        now = clock()
    return now - began


def main() -> None:
    """Write one line after all else."""
    sys.stdout.write(f"\nBENCH {json.dumps(drive(Plan.read(Path(sys.argv[1]).read_text())))}\n")


if __name__ == "__main__":
    main()
