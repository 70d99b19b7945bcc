"""`make test`: every check of every folder, two at a time, each one's output whole, a table at the end."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock
from types import FrameType

from infra.local import bootstrap
from infra.local.failure import Failure

LANES = 2
LIMIT_SECONDS = 2200.0  # the longest takes 840 to 1,210 s beside others on two cores
LAST_WORDS_SECONDS = 60.0
SUITES = ("services/expenses", "infra/local", "tests-e2e", "services/auth", "gateway")
WITH_IMPORTS = ("services/auth", "services/expenses")


@dataclass(frozen=True)
class Check:
    """One verb in one folder."""

    folder: str
    verb: str


@dataclass(frozen=True)
class Result:
    """How a check ended."""

    check: Check
    passed: bool
    seconds: float
    last_line: str


def checks() -> Sequence[Check]:
    """The quick ones first, then the suites, the longest first."""
    quick = [Check(folder, verb) for folder in SUITES for verb in ("lint", "types")]
    quick += [Check(folder, "imports") for folder in WITH_IMPORTS]
    return [*quick, *(Check(folder, "test") for folder in SUITES)]


def run(check: Check, speaking: Lock, stopping: Event) -> Result:
    """Run one check and print what it said, also when it hangs: then it is interrupted and has failed."""
    started = time.monotonic()
    if stopping.is_set():
        return Result(check, passed=False, seconds=0.0, last_line="not run")
    with speaking:
        print(f"… make -C {check.folder} {check.verb}", flush=True)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            ["make", "--no-print-directory", "-C", check.folder, check.verb],
            cwd=bootstrap.ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        in_time = _finished(process, started + LIMIT_SECONDS, stopping)
        output.seek(0)
        said = output.read().decode(errors="replace").rstrip()
    if not in_time and not stopping.is_set():
        said += f"\nInterrupted: not done after {LIMIT_SECONDS:.0f} s."
    lines = [line for line in said.splitlines() if line.strip()]
    passed = in_time and process.returncode == 0
    result = Result(check, passed, time.monotonic() - started, (lines or [""])[-1])
    with speaking:
        print(f"\n=== {check.folder}: {check.verb} ===\n{said}\n", flush=True)
    return result


def _finished(process: subprocess.Popen[bytes], deadline: float, stopping: Event) -> bool:
    """Whether it ended by itself; else it is interrupted, so that it can say where it was and clean up."""
    while process.poll() is None:
        if time.monotonic() > deadline or stopping.is_set():
            _interrupt(process)
            return False
        time.sleep(0.1)
    return True


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(LAST_WORDS_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def table(results: Sequence[Result]) -> str:
    """A line a check."""
    lines = []
    for result in results:
        word = "passed" if result.passed else "FAILED"
        name = f"{result.check.folder} {result.check.verb}"
        lines.append(f"  {word}  {name:28} {result.seconds:6.1f} s  {result.last_line[:70]}")
    return "\n".join(lines)


def main() -> int:
    """The exit status: 0 only if every check passed."""
    try:
        bootstrap.check_python()
        bootstrap.install(bootstrap.DEVELOP, develop=True)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    started, speaking, stopping = time.monotonic(), Lock(), Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with ThreadPoolExecutor(LANES) as lanes:
        results = list(lanes.map(lambda check: run(check, speaking, stopping), checks()))
    if stopping.is_set():
        print("Stopped.", file=sys.stderr)
        return 1
    failed = [result for result in results if not result.passed]
    print(f"{table(results)}\n")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed: checks of all folders,"
          f" {time.monotonic() - started:.0f} s")  # fmt: skip
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
