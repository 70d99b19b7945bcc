"""A Postgres that is killed starts again, whatever its backends are doing."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from infra.local import bootstrap, revive, servers
from infra.local.here import Here
from infra.local.process import runs
from infra.local.revive import Reviver
from infra.local.stack import Stack

# It looks neither at its server nor at anything else for a minute, once it has said so.
BUSY = """
    DO $$ BEGIN
        RAISE WARNING 'busy';
        PERFORM count(*) FROM generate_series(1, 300000000) AS number WHERE md5(number::text) = '';
    END $$
"""
HEALED_SECONDS = 30.0


def test_a_backend_in_a_long_statement_does_not_keep_the_next_server_from_starting(tmp_path: Path) -> None:
    bootstrap.install(bootstrap.RUN, develop=False)
    said: list[str] = []
    with Stack(tmp_path / "data", port=0).servers() as stack, Reviver(stack, said.append) as reviver:
        password = servers.superuser(stack.place.secrets / "postgres/superuser_password")
        command = [str(servers.postgres("psql")), *servers.connection(stack.place.ports["postgres"])]
        with subprocess.Popen(
            [*command, "-Xqd", "postgres", "-c", BUSY],
            env={**os.environ, **password}, stderr=subprocess.PIPE, text=True,
        ) as client:  # fmt: skip
            try:
                assert client.stderr is not None
                assert "busy" in client.stderr.readline()
                postmaster = int((stack.data / "run/postgres.pid").read_text())
                os.kill(postmaster, signal.SIGKILL)
                deadline = time.monotonic() + HEALED_SECONDS
                while not said or not stack.build("postgres").ready():
                    assert time.monotonic() < deadline, said
                    assert reviver.given_up() is None, said
                    time.sleep(0.05)
            finally:
                client.kill()  # or the end of this block waits for it
        assert Here(stack.place).postgres("psql", "-XAtqd", "postgres", "-c", "SELECT 1") == "1\n"
    assert len(said) == 1


def test_a_part_whose_guard_was_killed_gives_its_port_to_the_next(tmp_path: Path) -> None:
    bootstrap.install(bootstrap.RUN, develop=False)
    said: list[str] = []
    with Stack(tmp_path / "data", port=0).servers() as stack, Reviver(stack, said.append) as reviver:
        part = runs(stack.data, "cache")
        stat = Path(f"/proc/{part}/stat").read_text()
        os.kill(int(stat.rpartition(")")[2].split()[1]), signal.SIGKILL)  # its parent
        deadline = time.monotonic() + HEALED_SECONDS
        while runs(stack.data, "cache") in {part, None} or not stack.build("cache").ready():
            assert time.monotonic() < deadline, said
            assert reviver.given_up() is None, said
            time.sleep(0.05)
    assert [line.partition(",")[0] for line in said] == ["cache has ended by SIGKILL"]


def test_who_has_run_for_a_while_is_started_at_once_however_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.install(bootstrap.RUN, develop=False)
    monkeypatch.setattr(revive, "SOON_SECONDS", 0)
    said: list[str] = []
    with Stack(tmp_path / "data", port=0).servers() as stack, Reviver(stack, said.append) as reviver:
        for _ in range(revive.TIMES + 2):
            part = runs(stack.data, "cache")
            assert part is not None
            os.kill(part, signal.SIGKILL)
            deadline = time.monotonic() + HEALED_SECONDS
            while runs(stack.data, "cache") in {part, None} or not stack.build("cache").ready():
                assert time.monotonic() < deadline, said
                assert reviver.given_up() is None, said
                time.sleep(0.05)
    assert len(said) == revive.TIMES + 2
