"""What `make run` says when it cannot be, or is not wanted any more: a sentence, and nothing is left."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local import bootstrap
from infra.local.tests.runs import ANSWER_SECONDS, Run, typed


@pytest.fixture(scope="module", autouse=True)
def _environments() -> None:
    bootstrap.install(bootstrap.RUN, develop=False)


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


@pytest.mark.parametrize("target", ["run", "test", "install"])
def test_a_python_that_is_not_there_is_said_in_a_sentence(target: str) -> None:
    refused = typed("make", target, "PYTHON=python9")
    assert refused.returncode == 2
    assert refused.stderr.startswith("Python 3.11 or newer is needed, and there is no python9")
    assert f"make {target} PYTHON=" in refused.stderr
    assert "not found" not in refused.stderr
