"""This machine: its cores, who runs on which, and what a process has cost."""

import os
import platform
import re
import resource
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
SETTLE_SECONDS = 5.0
REST_SECONDS = 0.1


@dataclass(frozen=True)
class Cores:
    """What is measured has a core of its own; the load and all else share the others."""

    measured: frozenset[int]
    others: frozenset[int]

    @classmethod
    def of(cls, usable: Collection[int]) -> Self:
        """The first core against the rest; one that is alone is everybody's."""
        first, *rest = sorted(usable)
        return cls(frozenset({first}), frozenset(rest or [first]))

    @property
    def every(self) -> frozenset[int]:
        """All of them."""
        return self.measured | self.others


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for parent in found:  # it grows while it is walked
        for listed in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):  # it ended while we looked
                found += map(int, listed.read_text().split())
    return found


def pin(pid: int, cores: Collection[int]) -> None:
    """Keep a process, its threads and its descendants on these cores; what they start inherits it."""
    for member in tree(pid):
        for task in Path(f"/proc/{member}/task").glob("*"):
            with suppress(ProcessLookupError):  # the same
                os.sched_setaffinity(int(task.name), cores)


def on(cores: Collection[int]) -> list[str]:
    """What to put before a command that shall run on these cores."""
    return ["taskset", "--cpu-list", ",".join(map(str, sorted(cores)))] if cores else []


def open_files(wanted: int) -> None:
    """Let this process and what it starts have so many files open, as far as the machine allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def cpu_seconds(pid: int) -> float:
    """What a process and its living descendants have used, in user and in system mode."""
    return sum(_ticks(member) for member in tree(pid)) / TICKS_PER_SECOND


def settle(pid: int) -> None:
    """Wait until a process rests: what it still does for clients that are gone is nobody's turn."""
    ends = time.monotonic() + SETTLE_SECONDS
    before = cpu_seconds(pid)
    while time.monotonic() < ends:
        time.sleep(REST_SECONDS)
        now = cpu_seconds(pid)
        if now - before <= REST_SECONDS / 5:
            return
        before = now


def _ticks(pid: int) -> int:
    """utime and stime (proc(5), fields 14 and 15); 0 for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def memory_kib(pid: int, *, shared: bool = True) -> int:
    """What a process tree holds in memory (proc(5), VmRSS), or what of it is nobody else's (RssAnon)."""
    return sum(_status(member, "VmRSS" if shared else "RssAnon") for member in tree(pid))


def _status(pid: int, name: str) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) if found else 0


def description() -> str:
    """A line for those who read the figures elsewhere."""
    names = [line.partition(":")[2].strip() for line in _cpu_lines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores ({names[0] if names else platform.machine()}), {memory:.0f} GiB,"
        f" Linux {platform.release()}, Python {platform.python_version()}"
    )


def _cpu_lines() -> Iterator[str]:
    yield from Path("/proc/cpuinfo").read_text().splitlines()
