"""A `make run` of a test's own, and what a person types beside it."""

import signal
import subprocess
import sys
from pathlib import Path
from threading import Timer

from infra.local import bootstrap
from infra.local.process import is_ours

READY_SECONDS = 120  # all parts, on a machine that is busy with other tests
ANSWER_SECONDS = 60


def typed(*command: str) -> subprocess.CompletedProcess[str]:
    """What a person types at the root of the project, and what comes of it."""
    return subprocess.run(
        command, cwd=bootstrap.ROOT, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
    )


class Run:
    """One `make run` in a folder and on a port of its own."""

    def __init__(self, data: Path, port: int) -> None:
        self.data, self.port = data, port
        self.base = f"http://localhost:{port}"
        self.process: subprocess.Popen[str] | None = None

    def command(self, *more: str) -> list[str]:
        where = ["--port", str(self.port), "--data", str(self.data)]
        return [sys.executable, "-m", "infra.local", *where, *more]

    def begin(self, *more: str) -> str:
        """Start it; what it prints until it is ready. One that never is gets ended, and fails the test."""
        self.process = subprocess.Popen(
            self.command(*more),
            cwd=bootstrap.ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        printed = ""
        patience = Timer(READY_SECONDS, self.process.terminate)
        patience.start()
        try:
            for line in self.process.stdout:
                printed += line
                if line.startswith("Ready after"):
                    return printed
        finally:
            patience.cancel()
        raise AssertionError(printed)

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.communicate(timeout=ANSWER_SECONDS)
        return self.process.returncode

    def parts(self) -> list[int]:
        """Processes that were started for this data folder."""
        pids = [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]
        return [pid for pid in pids if is_ours(pid, self.data)]

    def again(self, *more: str) -> subprocess.CompletedProcess[str]:
        return typed(*self.command(*more))
