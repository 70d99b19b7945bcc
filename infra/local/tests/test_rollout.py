"""A service is replaced while 100 requests a second come through the gateway: none fails."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import pytest

from infra.local import bootstrap, ports, rollout
from infra.local.control import _address
from infra.local.failure import Failure
from infra.local.process import written
from infra.local.stack import SERVICES
from infra.local.steady import PROMISED_SECONDS, Load

READY_SECONDS = 120.0
LEAST_SHARE = 0.9  # of 100 requests a second


@dataclass
class Run:
    """A `make run`."""

    data: Path
    port: int
    runner: subprocess.Popen[str]

    def make(self, target: str, **variables: object) -> subprocess.CompletedProcess[str]:
        settings = [f"{name}={value}" for name, value in variables.items()]
        command = ["make", "--no-print-directory", target, f"DATA={self.data}", f"PYTHON={sys.executable}"]
        command += settings
        return subprocess.run(
            command, cwd=bootstrap.ROOT, capture_output=True, text=True, timeout=150, check=False
        )

    def pid(self, service: str) -> int:
        return int((self.data / f"run/{service}.pid").read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    bootstrap.install(bootstrap.RUN, develop=False)
    # Longer than the path of a Unix socket may be.
    data, port = tmp_path_factory.mktemp("rollout") / ("d" * 120), ports.free()
    command = [sys.executable, "-m", "infra.local", "--port", str(port), "--data", str(data), "--no-demo"]
    with subprocess.Popen(command, cwd=bootstrap.ROOT, stdout=subprocess.PIPE, text=True) as runner:
        patience = Timer(READY_SECONDS, runner.terminate)
        patience.start()
        try:
            assert runner.stdout is not None
            assert any(line.startswith("Ready after") for line in runner.stdout)
            patience.cancel()
            yield Run(data, port, runner)
        finally:
            patience.cancel()
            runner.send_signal(signal.SIGTERM)
            runner.communicate(timeout=60)
    assert runner.returncode == 0


@pytest.mark.parametrize("service", SERVICES)
def test_no_request_fails_while_a_service_is_replaced(run: Run, service: str) -> None:
    load, before = Load.of_somebody(run.port), run.pid(service)
    place = (run.data / "run/place.json").read_text()
    with load.running():
        done = run.make("rollout", SVC=service)
        time.sleep(1)
    assert (done.returncode, done.stderr) == (0, "")
    assert load.failed == {}
    assert load.share > LEAST_SHARE, "there was load all the time"
    assert load.longest < PROMISED_SECONDS, "it stood still"
    assert run.pid(service) != before
    assert (run.data / "run/place.json").read_text() == place
    assert not (run.data / f"run/{service}-next.pid").exists()
    assert run.make("status").returncode == 0


def test_a_new_one_that_does_not_start_leaves_the_old_one_as_it_is(run: Run) -> None:
    before, secret = run.pid("expenses"), run.data / "secrets/expenses/cursor_key"
    kept = secret.read_text()
    secret.write_text("no key\n")
    try:
        done = run.make("rollout", SVC="expenses")
    finally:
        secret.write_text(kept)
    assert done.returncode != 0
    assert "expenses-next did not start" in done.stderr
    assert "EXPENSES_CURSOR_KEY_FILE" in done.stderr
    assert run.pid("expenses") == before
    assert run.make("status").returncode == 0
    assert run.runner.poll() is None


def test_what_ends_while_the_runner_does_what_was_asked_is_started_again(run: Run) -> None:
    before, deadline = run.pid("cache"), time.monotonic() + READY_SECONDS
    file = run.data / "run/cache.pid"
    with socket.socket(socket.AF_UNIX) as asks:
        with _address(run.data / "run") as address:
            asks.connect(address)
        os.kill(before, signal.SIGKILL)
        while written(file).strip() in {"", str(before)}:
            assert time.monotonic() < deadline
            asks.sendall(b" ")  # the runner is busy as long as there is more of the line
            time.sleep(0.1)
        assert select.select([asks], [], [], 0)[0] == [], "the runner was busy all the time"


class Told:
    """What the looks at a part find, one after the other; nothing wrong from then on."""

    def __init__(self, *looks: str) -> None:
        self.looks = list(looks)

    def trouble(self, _name: str) -> str:
        return self.looks.pop(0) if self.looks else ""


def test_one_late_answer_ends_no_rollout_and_two_in_a_row_do() -> None:
    once = Told("", "late", "", "late")
    watch = rollout._watch  # noqa: SLF001 - a slow moment cannot be made when it is looked
    watch(once, "auth", 3)  # type: ignore[arg-type]  # all of a stack that is asked
    assert once.looks == []
    with pytest.raises(Failure, match="still late"):
        watch(Told("", "late", "still late"), "auth", 3)  # type: ignore[arg-type]  # the same


def test_what_cannot_be_replaced_is_said_in_a_sentence(run: Run, tmp_path: Path) -> None:
    done = run.make("rollout")
    assert "make rollout SVC=auth or SVC=expenses" in done.stderr
    done = run.make("rollout", SVC="postgres")
    assert "invalid choice: 'postgres'" in done.stderr
    done = Run(tmp_path, 1, run.runner).make("rollout", SVC="auth")
    assert done.stderr.startswith(f"Nothing runs on {tmp_path}")
