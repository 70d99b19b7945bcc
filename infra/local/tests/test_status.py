"""`make status` on a stack whose parts are well, hang, say no, or are gone."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import bootstrap, status
from infra.local.compose import Compose
from infra.local.parts import ORDER, Place, get
from infra.local.stack import Stack
from infra.local.status import Status


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    bootstrap.install(bootstrap.RUN, develop=False)
    with Stack(tmp_path_factory.mktemp("status") / "data", port=0) as stack:
        yield stack


def typed(data: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "status", f"DATA={data}", f"PYTHON={sys.executable}"]
    return subprocess.run(
        command, cwd=bootstrap.ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def states(stack: Stack) -> dict[str, Status]:
    return {part.name: part for part in status.local(stack.place)}


def test_all_are_ready_and_tell_their_versions(stack: Stack) -> None:
    done = typed(stack.data)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [name for name, *_ in lines] == list(ORDER)
    assert {state for _, state, *_ in lines} == {"ready"}
    assert all(re.fullmatch(r"\d+(\.\d+)+", version) for _, _, version, *_ in lines)
    metrics = [address for _, _, _, *where in lines for address in where]
    assert len(metrics) == 3
    assert all(b"\n# TYPE " in get(address, 5).read() for address in metrics)
    versions = {name: version for name, _, version, *_ in lines}
    assert (versions["postgres"][:3], versions["sessions"][0]) == ("18.", "9")


@pytest.mark.parametrize("name", ["postgres", "sessions", "auth", "gateway"])
def test_a_part_that_hangs_is_named_and_the_others_are_asked_all_the_same(stack: Stack, name: str) -> None:
    stack.signal(name, signal.SIGSTOP)
    try:
        done = typed(stack.data)
    finally:
        stack.signal(name, signal.SIGCONT)
    assert done.returncode != 0
    found = dict(re.findall(r"^(\w+) +(ready|not ready|hung|not running)\b", done.stdout, re.MULTILINE))
    assert found[name] == "hung"
    assert found.keys() == set(ORDER)
    assert found["cache" if name != "cache" else "sessions"] == "ready"


def test_a_part_that_is_gone_does_not_run_and_who_needs_it_says_so(stack: Stack) -> None:
    stack.stop("postgres")
    try:
        found = states(stack)
    finally:
        stack.start("postgres")
    assert found["postgres"].state == "not running"
    assert (found["expenses"].state, found["expenses"].detail) == ("not ready", "fails: database")
    assert found["expenses"].version
    assert found["cache"].state == "ready"


def test_a_part_that_runs_and_does_not_listen_is_not_ready(stack: Stack) -> None:
    """The pid is there and the port is nobody's: as a part is that has only begun to start."""
    found = {part.name: part.state for part in status.local(Place(stack.data, dict.fromkeys(ORDER, 1)))}
    assert found == dict.fromkeys(ORDER, "not ready")


def test_a_part_that_listens_and_says_nothing_hangs(stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = Place(stack.data, dict.fromkeys(ORDER, silent.getsockname()[1]))
        assert {part.name: part.state for part in status.local(place)} == dict.fromkeys(ORDER, "hung")


def test_where_nothing_runs_it_says_so(tmp_path: Path) -> None:
    done = typed(tmp_path)
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.startswith(f"Nothing runs on {tmp_path}: start it with make run")


ENGINE = """#!/bin/sh
# What `docker compose` answers (its reference has these fields), from a file.
case $1 in
  ps) cat "$0.ps" ;;
  exec) shift 2; echo "$1 (program) version 18.1" ;;
esac
"""


def listed(service: str, state: str, health: str) -> str:
    return json.dumps({
        "ID": f"id-{service}", "Name": f"x-{service}-1", "Service": service, "State": state, "Health": health,
    })  # fmt: skip


@pytest.mark.parametrize("as_array", [False, True])
def test_containers_are_as_their_health_checks_see_them(tmp_path: Path, *, as_array: bool) -> None:
    """The engine is a stand-in here: what is shown is how its answers are read."""
    engine = tmp_path / "compose"
    engine.write_text(ENGINE)
    engine.chmod(engine.stat().st_mode | stat.S_IXUSR)
    rows = [
        listed("postgres", "running", "healthy"),
        listed("redis-sessions", "paused", "healthy"),
        listed("auth", "exited", ""),
        listed("auth", "running", "healthy"),
        listed("expenses", "running", "unhealthy"),
        listed("gateway", "restarting", ""),
    ]
    (tmp_path / "compose.ps").write_text(f"[{','.join(rows)}]" if as_array else "\n".join(rows))
    found = status.in_containers(Compose.of(os.fspath(engine)))
    assert [(part.name, part.state, part.version, part.detail) for part in found] == [
        ("postgres", "ready", "18.1", ""),
        ("redis-sessions", "hung", "", "paused"),
        ("redis-cache", "not running", "", ""),
        ("auth", "ready", "18.1", ""),
        ("expenses", "not ready", "", "unhealthy"),
        ("gateway", "not ready", "", "restarting"),
    ]
