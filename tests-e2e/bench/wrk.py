"""wrk drives the load: what it shall send, and what came of it."""

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from infra.local.failure import Failure

SCRIPT = Path(__file__).with_name("load.lua")
ONCE = "##########"
"""In a request: becomes a number of ten digits, or a date, that no other request has."""

NUMBERS = 10_000_000
"""Each run has so many of its own, to put in for `ONCE`."""

runs = itertools.count(1)
"""Of wrk and of all else that drives a load."""


def require() -> None:
    """Raises Failure when there is no wrk."""
    if shutil.which("wrk") is None:
        raise Failure("wrk is not there, which drives the load: install it (Debian: apt-get install wrk).")


@dataclass(frozen=True)
class Request:
    """One request as it is written, byte for byte the same to both sides but for the host's port."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str = ""

    def text(self, host: str) -> str:
        """HTTP/1.1 (RFC 9112)."""
        fields = {"Host": host} | dict(self.headers)
        if self.method != "GET":
            fields["Content-Length"] = str(len(self.body))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{head}\r\n{self.body}"


@dataclass(frozen=True)
class Load:
    """What is sent, and what may be answered."""

    requests: Sequence[Request]
    answers: Mapping[int, Sequence[int]]
    """By status, the lengths that a body may have."""
    others: Sequence[Request] = ()
    """Some of the requests, where there are two kinds."""
    tenths: int = 10
    """How many of ten are of the first kind."""
    fresh: tuple[Literal["number", "date", ""], Literal["number", "date", ""]] = ("", "")
    """What `ONCE` becomes in each kind."""
    drawn: Literal["in turn", "at random"] = "in turn"
    refusals: Sequence[int] = ()
    pause_ms: int = 0
    """How long a connection waits between requests, on average."""


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    seconds: float
    good: int
    refused: int
    p50_ms: float
    p99_ms: float
    faults: tuple[str, ...] = ()
    refused_p95_ms: float | None = None
    """What a refusal takes, where that was measured."""

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.good / self.seconds

    @classmethod
    def read(cls, output: str) -> Self:
        """Of what a driver wrote. Raises Failure when it wrote nothing."""
        _, found, text = output.rpartition("\nBENCH ")
        if not found:
            raise Failure(f"the load did not run:\n{output.strip()}")
        said = json.loads(text)
        faults = []
        if said["wrong"]:
            faults.append(f"{said['wrong']} answers were wrong, such as {said['example']}")
        faults += [
            f"{said[name]} {name.replace('_', ' ')}" for name in ("socket_errors", "timeouts") if said[name]
        ]
        if not said["good"]:
            faults.append("no good answer")
        p50_ms, p99_ms = said["p50_ms"], said["p99_ms"]
        slow = said.get("refused_p95_ms")
        return cls(said["seconds"], said["good"], said["refused"], p50_ms, p99_ms, tuple(faults), slow)


class Driver:
    """A process that sends a load; `finish` waits for it."""

    def __init__(
        self, command: Sequence[str], plan: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._plan = plan
        self._process = subprocess.Popen(
            command,
            env=os.environ | (environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self) -> Outcome:
        """Raises Failure when it could not run."""
        output, _ = self._process.communicate()
        return Outcome.read(output)

    def close(self) -> None:
        """End it now, if it has not ended."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.communicate()
        self._plan.unlink(missing_ok=True)


class Run(Driver):
    """wrk at work."""

    def __init__(self, folder: Path, url: str, load: Load, *, connections: int, seconds: float) -> None:
        number = next(runs)
        saved = folder / f"plan-{number}.lua"
        saved.write_text(plan(load, urlsplit(url).netloc, number))
        command = ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds:.0f}s"]
        command += ["--timeout=30s", f"--script={SCRIPT}", url]
        super().__init__(command, saved, {"BENCH_PLAN": str(saved)})


def plan(load: Load, host: str, number: int) -> str:
    """A load in Lua."""
    lists = [_list(load.requests, host)] + ([_list(load.others, host)] if load.others else [])
    answers = (
        f"[{status}] = {{{', '.join(f'[{length}] = true' for length in lengths)}}}"
        for status, lengths in load.answers.items()
    )
    refusals = (f"[{status}] = true" for status in load.refusals)
    return (
        f"return {{lists = {{{', '.join(lists)}}},\n"
        f" fresh = {{{', '.join(map(json.dumps, load.fresh))}}}, tenths = {load.tenths},"
        f" first = {number * NUMBERS}, drawn = {json.dumps(load.drawn)},\n"
        f" answers = {{{', '.join(answers)}}}, refusals = {{{', '.join(refusals)}}},"
        f" pause_ms = {load.pause_ms}}}\n"
    )


def _list(requests: Sequence[Request], host: str) -> str:
    """JSON's strings are Lua's, as long as they are ASCII."""
    return f"{{{', '.join(json.dumps(one.text(host)) for one in requests)}}}"
