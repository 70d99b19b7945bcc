"""How `make test` runs a check: one that fails or hangs is named, with what it said."""

import os
import signal
import time
from pathlib import Path
from threading import Event, Lock, Thread
from types import SimpleNamespace

import pytest

from infra.local import checks
from infra.local.checks import LIMIT_SECONDS, Check, Result

TELLS_WHERE = """
import pathlib, time
try:
    pathlib.Path("begun").touch()
    time.sleep(600)
except KeyboardInterrupt:
    print("was in the middle of it", flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hang.py").write_text(TELLS_WHERE)
    (tmp_path / "Makefile").write_text(
        "pass:\n\t@echo all is well\nfail:\n\t@echo not well; exit 3\n"
        "hang:\n\t@echo begins; python3 hang.py\nleave:\n\t@sleep 60 & echo $$! >pid\n"
    )
    return tmp_path


def run(folder: Path, verb: str, stopping: Event | None = None) -> Result:
    return checks.run(Check(str(folder), verb), Lock(), stopping or Event())


def test_a_check_passes_or_fails_by_its_status(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "pass").passed
    failed = run(folder, "fail")
    assert not failed.passed
    assert "not well" in capfd.readouterr().out
    assert "FAILED" in checks.table([failed])


def test_a_check_that_hangs_is_interrupted_and_says_where_it_was(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = LIMIT_SECONDS + 1
    clock = SimpleNamespace(sleep=time.sleep, monotonic=lambda: late * (folder / "begun").exists())
    monkeypatch.setattr(checks, "time", clock)  # it passes as soon as what hangs has begun
    result = run(folder, "hang")
    said = capfd.readouterr().out
    assert not result.passed
    assert "was in the middle of it" in said
    assert result.last_line == f"Interrupted: not done after {LIMIT_SECONDS:.0f} s."


def test_stopped_from_outside_what_runs_is_interrupted_and_the_rest_is_not_begun(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stopping = Event()

    def stop() -> None:
        deadline = time.monotonic() + 20
        while not (folder / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        stopping.set()

    stops = Thread(target=stop)
    stops.start()
    assert not run(folder, "hang", stopping).passed
    stops.join()
    assert "was in the middle of it" in capfd.readouterr().out
    assert run(folder, "pass", stopping).last_line == "not run"


def test_what_a_check_leaves_behind_does_not_hold_it_up(folder: Path) -> None:
    assert run(folder, "leave").passed
    os.kill(int((folder / "pid").read_text()), signal.SIGTERM)  # it is still there
