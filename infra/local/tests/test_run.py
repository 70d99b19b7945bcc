"""`python3 -m infra.local` as a person uses it: start, stop, again, and everything that can go wrong."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from infra.demo.seed import Client
from infra.local import bootstrap
from infra.local.page import DEMO_EMAIL, DEMO_PASSWORD
from infra.local.parts import ORDER, answers
from infra.local.process import written
from infra.local.stack import SERVICES
from infra.local.tests.runs import ANSWER_SECONDS, Run, typed


@pytest.fixture(scope="module", autouse=True)
def _environments() -> None:
    bootstrap.install(bootstrap.RUN, develop=False)


def demo_expenses(run: Run) -> list[str]:
    """The external ids of the demonstration's latest expenses, through the gateway."""
    with closing(Client(run.base)) as client:
        status, _ = client.post("/api/v1/auth/login", {"email": DEMO_EMAIL, "password": DEMO_PASSWORD})
    assert status == 200
    bearer = {"Authorization": f"Bearer {client.cookies['ea_access']}"}
    request = urllib.request.Request(f"{run.base}/api/v1/expenses?limit=200", headers=bearer)
    with urllib.request.urlopen(request, timeout=10) as response:
        return [item["external_id"] for item in json.load(response)["items"]]


def wait_until_gone(run: Run) -> None:
    deadline = time.monotonic() + 40
    while run.parts():
        assert time.monotonic() < deadline, run.parts()
        time.sleep(0.1)


def test_it_starts_stops_and_finds_its_data_again(run: Run) -> None:
    printed = run.begin()
    assert f"{run.base}/docs" in printed
    first = demo_expenses(run)
    assert len(first) > 100

    curl = [line for line in printed.replace("\\\n", "").splitlines() if line.strip().startswith("curl")]
    assert len(curl) == 3
    pasted = typed("bash", "-ec", "\n".join(curl))
    assert '"groups":[{"key":{"category"' in pasted.stdout

    second = run.again()
    assert second.returncode == 1
    assert "Already running" in second.stderr
    assert "Traceback" not in second.stderr

    assert run.end(signal.SIGINT) == 0
    assert not run.parts()
    run.begin()
    assert demo_expenses(run) == first
    assert run.end(signal.SIGTERM) == 0
    assert not run.parts()


def test_with_tls_it_tells_where_its_certificate_is(run: Run) -> None:
    printed = run.begin("--tls")
    certificate = run.data / "tls/certificate.pem"
    assert f"The certificate is self-signed, for localhost, 127.0.0.1, ::1: {certificate}\n" in printed
    assert f"  https://localhost:{run.port}/docs" in printed.replace("documentation ", "")
    curl = [line for line in printed.replace("\\\n", "").splitlines() if line.strip().startswith("curl")]
    pasted = typed("bash", "-ec", "\n".join(curl))
    assert '"groups":[{"key":{"category"' in pasted.stdout
    assert certificate.stat().st_mode & 0o077 == 0
    assert run.end(signal.SIGINT) == 0


def test_a_killed_runner_leaves_nothing_that_blocks_the_next_start(run: Run) -> None:
    run.begin()
    run.end(signal.SIGKILL)
    run.begin()
    assert answers(f"{run.base}/healthz")
    run.end(signal.SIGTERM)
    wait_until_gone(run)


def test_killed_guards_leave_nothing_that_blocks_the_next_start(run: Run) -> None:
    run.begin()
    assert run.process is not None
    os.kill(run.process.pid, signal.SIGSTOP)  # so that it does not see the end of the guards
    parts = {int(file.read_text()) for file in (run.data / "run").glob("*.pid")}
    for pid in run.parts():
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if command.startswith(b"/bin/sh\0-c\0") and pid not in parts:
            os.kill(pid, signal.SIGKILL)
    run.end(signal.SIGKILL)
    assert parts <= set(run.parts())
    run.begin()
    assert not parts & set(run.parts())
    assert demo_expenses(run)
    run.end(signal.SIGTERM)
    wait_until_gone(run)


def test_a_stranger_with_the_number_of_a_part_is_left_alone(run: Run) -> None:
    (run.data / "run").mkdir(parents=True)
    (run.data / "run/lock").touch()
    (run.data / "postgres").mkdir(mode=0o700)
    environment = {**os.environ, "EXPENSE_DATA": str(run.data)}
    (run.data / "run/auth.pid").touch()
    command = ["tail", "-f", str(run.data / "run/auth.pid")]
    with subprocess.Popen(command, cwd=run.data, env=environment, stdout=subprocess.DEVNULL) as stranger:
        try:
            (run.data / "run/auth.pid").write_text(f"{stranger.pid}\n")
            (run.data / "run/auth.started").write_text("1\n")
            run.begin()
            assert stranger.poll() is None
            run.end(signal.SIGTERM)
            lock = f"{stranger.pid}\n{run.data}/postgres\n1\n5555\n\n127.0.0.1\n  0 0\nready\n"
            (run.data / "postgres/postmaster.pid").write_text(lock)
            run.begin()
            assert stranger.poll() is None
        finally:
            stranger.terminate()  # or the end of this block waits for it for ever
    assert run.end(signal.SIGTERM) == 0


def test_a_start_that_is_cut_off_while_it_makes_the_server_is_made_good_by_the_next(run: Run) -> None:
    with subprocess.Popen(run.command("--no-demo"), cwd=bootstrap.ROOT, stdout=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + ANSWER_SECONDS
        while not [*run.data.glob("postgres*/PG_VERSION")]:  # the databases are still to be made
            assert time.monotonic() < deadline
            time.sleep(0.001)
        first.kill()
    run.begin("--no-demo")
    assert run.end(signal.SIGTERM) == 0
    assert not [*run.data.glob("postgres-*")]


def test_what_the_caller_has_set_does_not_lead_elsewhere(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("GATEWAY_ADDRESS", "127.0.0.1:9")
    monkeypatch.setenv("EXPENSES_DATABASE_URL", "postgresql://expenses_app@127.0.0.1:9/expenses")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    run.begin()
    for name in ("sessions", "cache", "gateway"):
        assert (run.data / name).stat().st_mode & 0o777 == 0o700
    assert run.end(signal.SIGTERM) == 0


def kill(run: Run, part: str) -> None:
    """End it; returns when another one has its place, or nothing runs any more."""
    file = run.data / f"run/{part}.pid"
    before = file.read_text()
    os.kill(int(before), signal.SIGKILL)
    assert run.process is not None
    deadline = time.monotonic() + ANSWER_SECONDS
    while run.process.poll() is None and written(file) in {"", before}:
        assert time.monotonic() < deadline, f"{part} was not started again"
        time.sleep(0.05)


def is_well(run: Run) -> bool:
    """Every part says so, and the gateway has seen it."""
    if typed("make", "status", f"DATA={run.data}", f"PYTHON={sys.executable}").returncode:
        return False
    return all(answers(f"{run.base}/api/v1/{service}/openapi.json") for service in SERVICES)


def test_each_part_that_ends_is_started_again(run: Run) -> None:
    run.begin()
    first = demo_expenses(run)
    for part in ORDER:
        kill(run, part)
        deadline = time.monotonic() + ANSWER_SECONDS
        while not is_well(run):
            assert time.monotonic() < deadline, f"it is not as it was, since {part} had ended"
        assert demo_expenses(run) == first
    assert run.end(signal.SIGTERM) == 0


def test_a_part_that_ends_too_often_is_named_with_its_log(run: Run) -> None:
    run.begin()
    assert run.process is not None
    while run.process.poll() is None:
        kill(run, "expenses")
    said, _ = run.process.communicate(timeout=60)
    times = said.count("expenses has ended by SIGKILL, and is started again; its log")
    assert times in {3, 4}, "the first one may have run for a while"
    assert "expenses has ended by SIGKILL too often; its log" in said
    assert run.process.returncode == 1
    assert not run.parts()
