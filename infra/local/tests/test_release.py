"""`make rollout` of releases that are no good: one that serves goes on, and what happened is said."""

import os
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local import bootstrap, moves, operate, ports, servers, status
from infra.local.failure import Failure
from infra.local.moves import move
from infra.local.parts import ORDER, answers, get
from infra.local.process import runs
from infra.local.rollout import rollout
from infra.local.stack import Stack

SERVICE = "expenses"
CODE = bootstrap.ROOT / "services" / SERVICE
# What the environment's Python does for the service, and for nothing else, before the service begins.
PYTHON = f"""#!/bin/sh
[ "$2" = {SERVICE}_service ] || exec {CODE}/.venv/bin/python "$@"
exec {CODE}/.venv/bin/python -c 'import os, runpy, signal, sys, threading
%s
runpy.run_module("{SERVICE}_service", run_name="__main__")'
"""

# As soon as it has everything that comes, and a file says so.
LATER = """
def later():
    import time
    while not os.path.exists("{file}"):
        time.sleep(0.05)
    {end}
threading.Thread(target=later, daemon=True).start()
print("the new one begins", file=sys.stderr)
"""

# At the service's own port only, which is the second to be started.
SECOND = 'os.environ["PORT"] == "{port}" and sys.exit("not at this port")'

Break = Callable[[str], None]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    bootstrap.install(bootstrap.RUN, develop=False)
    with Stack(tmp_path_factory.mktemp("release") / "data", port=0) as stack:
        yield stack


@pytest.fixture
def release(stack: Stack, tmp_path: Path) -> Iterator[Break]:
    """Makes the release that is started from now on do this first."""
    as_it_was = stack.place

    def does(fault: str) -> None:
        folder = tmp_path / "services" / SERVICE
        python = folder / ".venv/bin/python"
        python.parent.mkdir(parents=True)
        python.write_text(PYTHON % fault)
        python.chmod(0o700)
        for name in ("src", "migrations", "alembic.ini"):
            (folder / name).symlink_to(CODE / name)
        stack.place = replace(as_it_was, releases={SERVICE: tmp_path})

    yield does
    stack.place = as_it_was


def refused(stack: Stack, say: Callable[[str], None] = print) -> str:
    with pytest.raises(Failure) as failure:
        rollout(stack, SERVICE, say)
    return str(failure.value)


def the_old_one_serves(stack: Stack, pid: int | None) -> None:
    assert runs(stack.data, SERVICE) == pid
    assert runs(stack.data, f"{SERVICE}-next") is None
    assert stack.spare(SERVICE) is None
    assert stack.ended() == [], "or the runner would end all of it"
    assert get(f"{stack.base_url}/api/v1/{SERVICE}/openapi.json", 5).status == 200


def the_gateway_reaches(stack: Stack, service: str, what: str) -> None:
    deadline = time.monotonic() + 10
    while not answers(f"{stack.base_url}/api/v1/{service}/openapi.json"):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.mark.parametrize(("end", "what"), [
    ("os._exit(3)", "has ended with status 3"),
    ("os.kill(os.getpid(), signal.SIGSTOP)", "is not ready any more"),
])  # fmt: skip
def test_a_release_that_fails_after_it_is_ready_is_ended_and_the_old_one_goes_on(
    stack: Stack, release: Break, tmp_path: Path, end: str, what: str
) -> None:
    before, file = runs(stack.data, SERVICE), tmp_path / "alone"
    release(LATER.format(file=file, end=end))

    def say(text: str) -> None:
        if text.startswith(f"The old {SERVICE} finishes"):
            file.touch()

    said = refused(stack, say)
    assert file.exists()
    assert said.startswith(f"{SERVICE}-next {what}; its log ")
    assert said.endswith(f"\nThe old {SERVICE} serves, as before.")
    assert "the new one begins" in said
    the_old_one_serves(stack, before)


def test_a_second_one_that_does_not_start_leaves_the_one_beside_it_which_status_tells(
    stack: Stack, release: Break
) -> None:
    release(SECOND.format(port=stack.place.ports[SERVICE]))
    said = refused(stack)
    start, *log, end = said.splitlines()
    assert start.startswith(f"{SERVICE} did not start; its log ")
    assert log == ["  | not at this port"], "and nothing of the old one's"
    assert end.startswith(f"The new one beside it, {SERVICE}-next, serves; {SERVICE} itself does not run")
    assert stack.ended() == []
    assert get(f"{stack.base_url}/api/v1/{SERVICE}/openapi.json", 5).status == 200
    found = {part.name: part for part in status.local(operate.find(stack.data))}
    assert found[SERVICE].state == "not running"
    assert found[f"{SERVICE}-next"].state == "ready"
    assert found[f"{SERVICE}-next"].version
    stack.kill("gateway")
    stack.start("gateway")
    the_gateway_reaches(stack, SERVICE, "one that starts again knows where the service is")
    move(stack, "auth", "auth")
    the_gateway_reaches(stack, SERVICE, "and so does a move of the other service")

    stack.place = replace(stack.place, releases={})
    with postgres_elsewhere(stack):
        said = refused(stack)
    assert said.startswith(f"The migration of {SERVICE} failed: ")
    assert "serves" not in said, "the old one has ended"
    rollout(stack, SERVICE, print)
    assert [part.state for part in status.local(operate.find(stack.data))] == ["ready"] * len(ORDER)


def test_a_broken_file_of_the_gateway_is_named_before_anything_is_done(
    stack: Stack, release: Break, tmp_path: Path
) -> None:
    release("")
    shutil.copytree(bootstrap.ROOT / "gateway", tmp_path / "gateway", ignore=lambda *_: [".venv", "tests"])
    with (tmp_path / "gateway/dynamic/auth.yml").open("a") as file:
        file.write("http: [\n")
    stack.place = replace(stack.place, releases={**stack.place.releases, "gateway": tmp_path})
    live = {file: file.read_bytes() for file in (stack.data / "gateway/dynamic").iterdir()}
    before = runs(stack.data, SERVICE)
    said = refused(stack)
    assert "auth.yml" in said.splitlines()[1]
    assert "nothing was changed" in said.splitlines()[0]
    assert {file: file.read_bytes() for file in (stack.data / "gateway/dynamic").iterdir()} == live
    the_old_one_serves(stack, before)


def test_what_becomes_of_the_gateways_log_does_not_matter(stack: Stack) -> None:
    log = stack.data / "logs/gateway.log"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    os.truncate(log, 400_000_000)
    move(stack, SERVICE, SERVICE)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "KiB: it is not read whole"
    os.truncate(log, 0)
    move(stack, SERVICE, SERVICE)
    log.unlink()
    move(stack, SERVICE, SERVICE)


def test_a_gateway_that_is_told_and_does_not_move_is_said_in_a_sentence(
    stack: Stack, release: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moves, "MOVE_SECONDS", 3.0)
    release("")
    before = runs(stack.data, SERVICE)
    copies = stack.data / "gateway/dynamic"
    copies.rename(copies.with_name("away"))
    copies.write_text("no folder")
    try:
        said = refused(stack)
    finally:
        copies.unlink()
        copies.with_name("away").rename(copies)
        stack.stop_spare(SERVICE)
    assert said.startswith(f"The gateway cannot be told where {SERVICE}-next is: ")
    assert said.endswith("make status says what runs.")
    the_old_one_serves(stack, before)


def test_a_migration_that_somebody_blocks_is_said_in_a_sentence(stack: Stack) -> None:
    hold = "BEGIN; LOCK TABLE expenses.alembic_version; SELECT 'held'; SELECT pg_sleep(60)"
    password = servers.superuser(stack.place.secrets / "postgres/superuser_password")
    psql = [str(servers.postgres("psql")), *servers.connection(stack.place.ports["postgres"])]
    with subprocess.Popen(
        [*psql, "-XAtqd", SERVICE, *(word for one in hold.split("; ") for word in ("-c", one))],
        env={**os.environ, **password}, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            said = refused(stack)
        finally:
            holder.send_signal(signal.SIGINT)  # it ends the statement first, and with it the lock
    assert said.startswith(f"The migration of {SERVICE} could not have a table to itself")
    assert re.search(r"Now at its tables: process \d+ of postgres, active, for \d+ s", said)
    assert said.splitlines()[1:] == [f"The old {SERVICE} serves, as before."]
    assert stack.spare(SERVICE) is None


@contextmanager
def postgres_elsewhere(stack: Stack) -> Iterator[int]:
    """A migration begun meanwhile looks for it at this port, where nobody is."""
    as_it_was, nowhere = stack.place, ports.free()
    stack.place = replace(as_it_was, ports={**as_it_was.ports, "postgres": nowhere})
    try:
        yield nowhere
    finally:
        stack.place = as_it_was
        ports.release([nowhere])


def test_a_migration_that_fails_is_said_in_a_sentence(stack: Stack) -> None:
    with postgres_elsewhere(stack) as nowhere:
        why, log, end = refused(stack).splitlines()
    assert why.startswith(f"The migration of {SERVICE} failed: ")
    assert why.endswith(f"('127.0.0.1', {nowhere})")
    assert log == f"All of it: {stack.data}/logs/migrate-{SERVICE}.log"
    assert end == f"The old {SERVICE} serves, as before."
