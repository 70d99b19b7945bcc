"""A service is replaced while 200 requests a second come through the gateway: none fails."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread, Timer

import pytest

from infra.demo.seed import Client
from infra.local import bootstrap, ports
from infra.local.stack import SERVICES

READY_SECONDS = 120.0
CLIENTS = 8
RATE = 200.0
PERSON = {"email": "ada@example.com", "password": "plums, velvet and 42 orbits"}
LUNCH = {"amount": "12.50", "currency": "EUR", "description": "Lunch", "category": "food"}


@dataclass
class Load:
    """Requests at a fixed rate, whatever the answers: what came of each."""

    port: int
    cookies: dict[str, str]
    outcomes: Counter[str] = field(default_factory=Counter)
    enough: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def requests(self) -> Iterator[tuple[str, str, object]]:
        """Reads and writes of both services, in turn."""
        while True:
            yield "GET", "/api/v1/expenses?limit=5", None
            yield "POST", "/api/v1/expenses", LUNCH
            yield "GET", "/api/v1/auth/me", None
            yield "POST", "/api/v1/auth/refresh", None

    def client(self, number: int) -> None:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        headers["Content-Type"] = "application/json"
        due = time.monotonic() + number / RATE
        with closing(http.client.HTTPConnection("localhost", self.port, timeout=20)) as connection:
            for method, path, body in self.requests():
                if self.enough.wait(max(due - time.monotonic(), 0)):
                    return
                due += CLIENTS / RATE
                try:
                    connection.request(method, path, json.dumps(body) if body else None, headers)
                    answer = connection.getresponse()
                    answer.read()
                    outcome = str(answer.status)
                except (OSError, http.client.HTTPException) as error:
                    connection.close()
                    outcome = repr(error)
                with self.lock:
                    self.outcomes[f"{method} {path}: {outcome}"] += 1

    def failed(self) -> dict[str, int]:
        return {name: n for name, n in self.outcomes.items() if name[-3:] not in {"200", "201", "204"}}


@dataclass
class Run:
    """A `make run`, and somebody who is signed in."""

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

    def sign_in(self) -> dict[str, str]:
        with closing(Client(f"http://localhost:{self.port}")) as client:
            client.post("/api/v1/auth/register", PERSON)
            status, _ = client.post("/api/v1/auth/login", PERSON)
            assert status == 200
            return client.cookies

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
    load, before = Load(run.port, run.sign_in()), run.pid(service)
    place = (run.data / "run/place.json").read_text()
    clients = [Thread(target=load.client, args=[number]) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        done = run.make("rollout", SVC=service)
        time.sleep(1)
    finally:
        load.enough.set()
        for client in clients:
            client.join()
    assert (done.returncode, done.stderr) == (0, "")
    assert load.failed() == {}
    assert load.outcomes.total() > 500, "there was load all the time"
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


def test_what_cannot_be_replaced_is_said_in_a_sentence(run: Run, tmp_path: Path) -> None:
    done = run.make("rollout")
    assert "make rollout SVC=auth or SVC=expenses" in done.stderr
    done = run.make("rollout", SVC="postgres")
    assert "invalid choice: 'postgres'" in done.stderr
    done = Run(tmp_path, 1, run.runner).make("rollout", SVC="auth")
    assert done.stderr.startswith(f"Nothing runs on {tmp_path}")
