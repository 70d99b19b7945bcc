"""`python3 -m infra.local` as a person uses it: start, stop, again, and everything that can go wrong."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest

from infra.demo.seed import Client
from infra.local import bootstrap, ports
from infra.local.page import DEMO_EMAIL, DEMO_PASSWORD
from infra.local.parts import ORDER, answers
from infra.local.process import is_ours
from infra.local.stack import SERVICES

READY_SECONDS = 120  # all parts, on a machine that is busy with other tests
ANSWER_SECONDS = 60


@pytest.fixture(scope="module", autouse=True)
def _environments() -> None:
    bootstrap.install(bootstrap.RUN, develop=False)


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


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path / "data", ports.free())
    yield run
    if run.process is not None and run.process.poll() is None:
        run.end(signal.SIGTERM)


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
    while run.process.poll() is None and (not file.exists() or file.read_text() in {"", before}):
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


def test_a_port_in_use_is_said_in_a_sentence(run: Run) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", run.port))
        other.listen()
        refused = run.again()
    assert refused.returncode == 1
    assert f"Port {run.port} cannot be used" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", ""])
def test_a_port_that_is_none_is_said_in_a_sentence(run: Run, port: str) -> None:
    command = [sys.executable, "-m", "infra.local", f"--port={port}", "--data", str(run.data)]
    refused = typed(*command)
    assert refused.returncode == 1
    assert "PORT must be a number" in refused.stderr


def test_a_folder_that_cannot_be_made_is_said_in_a_sentence(run: Run) -> None:
    run.data.write_text("a file")
    refused = run.again()
    assert refused.returncode == 1
    assert "cannot be used" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_folder_of_other_files_is_refused_and_left_as_it_is(run: Run) -> None:
    (run.data / "gateway").mkdir(parents=True)
    (run.data / "gateway/traefik.yml").write_text("of somebody else")
    refused = run.again()
    assert refused.returncode == 1
    assert "it has other files in it" in refused.stderr
    assert [*run.data.rglob("*")] == [run.data / "gateway", run.data / "gateway/traefik.yml"]


def test_a_disk_without_room_is_said_in_a_sentence(run: Run) -> None:
    (run.data / "run").mkdir(parents=True)
    limit = (
        "ulimit -f 0; trap '' XFSZ; exec \"$@\""  # no file may grow: what a full disk says, of one process
    )
    refused = typed("bash", "-c", limit, "bash", *run.command())
    assert refused.returncode == 1
    assert refused.stderr.startswith("The stack cannot go on, and was stopped: [Errno ")
    assert "Traceback" not in refused.stderr


# As `make test` and `make audit` install, which take signals as Python does.
INSTALLS = "import sys; from infra.local import bootstrap; bootstrap.install(sys.argv[1:], develop=True)"


@pytest.mark.parametrize(("how", "number", "status", "end"), [
    (("-m", "infra.local", "--install"), signal.SIGTERM, 0, "\nStopping …\nStopped.\n"),
    (("-c", INSTALLS), signal.SIGHUP, -signal.SIGHUP, " (the first time takes a minute) …\n"),
])  # fmt: skip
def test_who_stops_it_while_it_installs_waits_for_nothing_and_leaves_nothing(
    tmp_path: Path, how: tuple[str, ...], number: signal.Signals, status: int, end: str
) -> None:
    (tmp_path / "requirements-dev.lock").write_text(f"expenses==1 --hash=sha256:{'0' * 64}\n")
    command = [sys.executable, *how, str(tmp_path)]
    with socket.create_server(("127.0.0.1", 0)) as index:
        index.settimeout(ANSWER_SECONDS)
        url = f"http://127.0.0.1:{index.getsockname()[1]}/"
        asked = {"PIP_INDEX_URL": url, "PIP_TIMEOUT": str(2 * ANSWER_SECONDS), "no_proxy": "127.0.0.1"}
        with subprocess.Popen(
            command, cwd=bootstrap.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, **asked},
        ) as installing:  # fmt: skip
            try:
                pip, _ = index.accept()  # which waits for an answer from now on
                installing.send_signal(number)
                said, _ = installing.communicate(timeout=ANSWER_SECONDS)
            finally:
                installing.kill()
        with pip:
            pip.settimeout(ANSWER_SECONDS)
            while pip.recv(4096):  # until it has ended too
                pass
    assert installing.returncode == status
    assert said.endswith(end)


def test_an_unknown_target_is_said_in_a_sentence() -> None:
    refused = typed("make", "no-such-thing")
    assert refused.returncode == 2
    assert "there is no target 'no-such-thing'" in refused.stderr


def test_ctrl_c_is_no_defect_at_whatever_line_it_comes() -> None:
    stopped = typed(sys.executable, "-c", "import infra.local; raise KeyboardInterrupt")
    assert (stopped.returncode, stopped.stderr) == (-signal.SIGINT, "")
    broken = typed(sys.executable, "-c", "import infra.local; raise LookupError")
    assert "LookupError" in broken.stderr


def test_a_python_that_is_too_old_is_said_in_a_sentence() -> None:
    pretend = "import sys; sys.version_info = (3, 9, 2); import infra.local"
    refused = typed(sys.executable, "-c", pretend)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Python 3.11 or newer is needed, and this is 3.9")
    assert "Traceback" not in refused.stderr
