"""`make test`: every check of every folder, two at a time, each one's output whole, a table at the end."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

from infra.local import bootstrap
from infra.local.failure import Failure

LANES = 2
SUITES = ("services/expenses", "gateway", "services/auth", "tests-e2e", "infra/local")
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


def run(check: Check, speaking: Lock) -> Result:
    """Run one check and print what it said."""
    with speaking:
        print(f"… make -C {check.folder} {check.verb}", flush=True)
    started = time.monotonic()
    done = subprocess.run(
        ["make", "--no-print-directory", "-C", check.folder, check.verb],
        cwd=bootstrap.ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    result = Result(check, done.returncode == 0, time.monotonic() - started, (lines or [""])[-1])
    with speaking:
        print(f"\n=== {check.folder}: {check.verb} ===\n{done.stdout.rstrip()}\n", flush=True)
    return result


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
    started = time.monotonic()
    speaking = Lock()
    with ThreadPoolExecutor(LANES) as lanes:
        results = list(lanes.map(lambda check: run(check, speaking), checks()))
    failed = [result for result in results if not result.passed]
    print(f"{table(results)}\n")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed: checks of all folders,"
          f" {time.monotonic() - started:.0f} s")  # fmt: skip
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
