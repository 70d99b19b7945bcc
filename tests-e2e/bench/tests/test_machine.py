import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from bench.machine import Cores, cpu_seconds, description, memory_kib, on, pin, tree

BUSY = "import subprocess, sys, time; sys.stdout.write('up\\n'); sys.stdout.flush(); time.sleep(60)"


@pytest.fixture
def shell() -> Iterator[subprocess.Popen[str]]:
    """A process with a child."""
    command = ["sh", "-c", f'"{sys.executable}" -c "{BUSY}"; true']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        os.killpg(process.pid, 15)


def test_the_first_core_is_for_what_is_measured() -> None:
    cores = Cores.of({3, 1, 2})
    assert cores == Cores(frozenset({1}), frozenset({2, 3}))
    assert cores.every == {1, 2, 3}


def test_a_core_that_is_alone_is_shared() -> None:
    assert Cores.of({5}) == Cores(frozenset({5}), frozenset({5}))


def test_a_process_is_pinned_and_counted_with_its_children(shell: subprocess.Popen[str]) -> None:
    core = min(os.sched_getaffinity(0))
    members = tree(shell.pid)
    assert len(members) == 2
    pin(shell.pid, {core})
    assert [os.sched_getaffinity(member) for member in members] == [{core}, {core}]
    assert memory_kib(shell.pid) > memory_kib(shell.pid, shared=False) > 0


def test_work_is_seen() -> None:
    before, ends = cpu_seconds(os.getpid()), time.process_time() + 0.1
    while time.process_time() < ends:
        pass
    assert cpu_seconds(os.getpid()) - before >= 0.05


def test_a_process_that_is_gone_has_used_nothing() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert (cpu_seconds(process.pid), memory_kib(process.pid)) == (0, 0)


def test_a_command_runs_where_it_shall() -> None:
    core = max(os.sched_getaffinity(0))
    code = "import os; print(*os.sched_getaffinity(0))"
    done = subprocess.run(
        [*on({core}), sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(core)]
    assert on(()) == []


def test_the_machine_is_described_in_a_line() -> None:
    assert "cores" in description()
    assert "\n" not in description()
