"""A backup taken under load, restored into an empty stack and into one that runs: every row, every token."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from infra.local import backup, bootstrap, ports
from infra.local.ends import DATABASES
from infra.local.failure import Failure
from infra.local.here import Here
from infra.local.stack import Stack
from infra.local.tests.backups import (
    LUNCH,
    PASSWORD,
    Person,
    Taken,
    content,
    cut_but_signed,
    polling,
    typed,
    under_load,
    wait_until_ready,
)

EPOCH = re.compile(r"(t\t)?\d{16}")  # the two rows that a restore writes: since when numbers are counted anew


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    bootstrap.install(bootstrap.RUN, develop=False)
    home = tmp_path_factory.mktemp("backup")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTH_ROTATION_INTERVAL_SECONDS", "0.1")
        with Stack(home / "data", port=0) as stack:
            yield under_load(stack, home)


@pytest.fixture
def empty(taken: Taken, tmp_path: Path) -> Path:
    """A new data folder with nothing but the secrets of the other one."""
    (tmp_path / "data").mkdir()
    shutil.copytree(taken.data / "secrets", tmp_path / "data/secrets")
    return tmp_path / "data"


def test_it_is_for_its_owner_alone_and_says_what_it_holds(taken: Taken) -> None:
    assert taken.folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in taken.folder.iterdir()} == {0o600}
    names = {"auth.dump", "expenses.dump", "sessions.rdb", "manifest.json"}
    assert {file.name for file in taken.folder.iterdir()} == names
    said = json.loads((taken.folder / "manifest.json").read_text())
    assert said["versions"]["postgres"].startswith("18.")
    assert said["versions"].keys() >= {"sessions", "auth", "expenses"}
    key = (taken.data / "secrets/auth/key_encryption_key").read_bytes().strip()
    assert all(key not in file.read_bytes() for file in taken.folder.iterdir())


def test_restored_into_an_empty_stack_every_row_is_there(taken: Taken, empty: Path) -> None:
    done = typed("restore", DATA=empty, FROM=taken.folder)
    assert (done.returncode, done.stderr) == (0, "")
    with Stack(empty, port=0).servers() as stack:
        assert databases(stack) == set(DATABASES)
        again = backup.take(Here(stack.place), empty / "again")
        for name in DATABASES:
            first = content(stack.place, taken.folder / f"{name}.dump")
            second = content(stack.place, again / f"{name}.dump")
            assert not Counter(first) - Counter(second)
            more = [*(Counter(second) - Counter(first))]
            assert [bool(EPOCH.fullmatch(line)) for line in more] == [True] * 2 * (name == "expenses")
            assert sum("GRANT" in line for line in first) > 3
            assert sum("\t" in line for line in first) > 3
        one_moment(Here(stack.place), taken)
    with Stack(empty, port=0) as stack:
        tokens_are_as_they_should_be(stack, taken)


def one_moment(here: Here, taken: Taken) -> None:
    """What was acknowledged before is there, and what there is was written whole, in order, without a gap."""
    query = "SELECT string_agg(external_id, ' ') FROM expenses.expenses"
    there = set(here.postgres("psql", "-XAtqd", "expenses", "-c", query).split())
    assert taken.known <= there < taken.tried
    counts = """
        SELECT (SELECT count(*) FROM expenses.expenses), (SELECT sum(n) FROM expenses.rollups),
               (SELECT seq FROM expenses.user_state), max(seq), count(*) FROM expenses.change_log
    """
    said = here.postgres("psql", "-XAtqd", "expenses", "-c", counts).strip()
    assert set(said.split("|")) == {str(len(there))}


def tokens_are_as_they_should_be(stack: Stack, taken: Taken) -> None:
    base = stack.base_url
    status, found = taken.ada.as_of_now(base).get("/api/v1/expenses?limit=1")
    assert (status, isinstance(found, dict) and len(found["items"])) == (200, 1)
    assert taken.ada.as_of_now(base).spend("after") == 201
    # Rotated once since the backup, it is one generation ahead of what the sessions know: let in.
    later = taken.ada_later.as_of_now(base)
    assert later.post("/api/v1/auth/refresh") == 200
    assert later.get("/api/v1/expenses?limit=1")[0] == 200
    bob = taken.bob.as_of_now(base)
    assert bob.get("/api/v1/auth/me")[0] == 401
    assert bob.post("/api/v1/auth/refresh") == 401
    deadline = time.monotonic() + 20
    while bob.get("/api/v1/expenses")[0] != 401:
        assert time.monotonic() < deadline, "a session that had been ended lives again"
        time.sleep(0.1)


def nothing_is_taken_for_what_is_lost(ada: Person, taken: Taken) -> None:
    """As many writes as were lost: every number of the tables is there again, for something else."""
    lost = taken.lost_since - ada.total()
    assert 0 < lost <= 1000
    operations = [{"op": "create", "expense": LUNCH} for _ in range(lost)]
    assert ada.post("/api/v1/expenses/bulk", {"operations": operations}) == 200
    for path, tag in taken.lost_tags.items():
        assert ada.tag(path, tag)[0] == 200, path
        status, now = ada.tag(path)
        assert (status, ada.tag(path, now)[0]) == (200, 304), path
    assert ada.get(f"/api/v1/changes?since={taken.lost_since}")[0] == 410
    assert ada.get("/api/v1/changes?since=0")[0] == 200


@pytest.mark.parametrize("damage", ["cut", "changed", "gone", "no manifest"])
def test_a_backup_that_is_not_whole_is_refused_before_anything_is_touched(
    taken: Taken, tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(taken.folder, folder)
    dump, size = folder / "auth.dump", (folder / "auth.dump").stat().st_size
    if damage == "cut":
        os.truncate(dump, size - 1)
    elif damage == "changed":
        with dump.open("r+b") as opened:
            opened.seek(size // 2)
            byte = opened.read(1)[0]
            opened.seek(size // 2)
            opened.write(bytes([byte ^ 1]))
    else:
        (dump if damage == "gone" else folder / "manifest.json").unlink()
    done = typed("restore", DATA=tmp_path / "data", FROM=folder)
    assert done.returncode != 0
    assert str(folder) in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def sql(stack: Stack, statement: str) -> str:
    return Here(stack.place).postgres("psql", "-XAtqd", "postgres", "-c", statement)


def databases(stack: Stack) -> set[str]:
    return set(sql(stack, "SELECT datname FROM pg_database WHERE datname !~ '^(postgres|template)'").split())


def test_a_backup_during_which_a_restore_exchanges_the_databases_is_none(tmp_path: Path) -> None:
    class Exchanged(Here):
        """Sessions of before, databases of after."""

        def sessions(self, file: IO[bytes]) -> None:
            super().sessions(file)
            sql(stack, "ALTER DATABASE expenses RENAME TO expenses_leaving")
            sql(stack, "CREATE DATABASE expenses")

    with Stack(tmp_path / "data", port=0).servers() as stack:
        with pytest.raises(Failure, match="A restore has exchanged the databases"):
            backup.take(Exchanged(stack.place), tmp_path / "backups")
        assert not list((tmp_path / "backups").iterdir())
        assert backup.take(Here(stack.place), tmp_path / "backups").exists()
        # As the next start finds it, had the restore been killed there.
        sql(stack, "CREATE DATABASE auth_arriving")
        stack.make_databases()
        assert databases(stack) == {"auth", "expenses", "expenses_leaving"}


def test_without_the_key_of_its_signing_keys_it_is_refused(taken: Taken, tmp_path: Path) -> None:
    done = typed("restore", DATA=tmp_path / "data", FROM=taken.folder)
    assert done.returncode != 0
    assert "another key_encryption_key" in done.stderr


def test_secrets_of_an_earlier_release_get_the_user_that_takes_backups(tmp_path: Path) -> None:
    generate = [str(bootstrap.ROOT / "infra/secrets/generate.sh"), str(tmp_path)]
    subprocess.run(generate, check=True)
    file = tmp_path / "redis-sessions/users.acl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:-1]) + "\n")
    subprocess.run(generate, check=True)
    assert file.read_text().splitlines() == lines
    assert lines[-1].startswith("user backup on #")
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_a_stack_or_a_name_it_says_so(tmp_path: Path) -> None:
    done = typed("backup", DATA=tmp_path, BACKUPS=tmp_path / "backups")
    assert done.returncode != 0
    assert done.stderr.startswith(f"Nothing runs on {tmp_path}")
    assert not (tmp_path / "backups").exists()
    done = typed("restore", DATA=tmp_path)
    assert done.returncode == 2
    assert "make restore FROM=" in done.stderr


def test_a_running_stack_is_restored_by_its_runner_and_only_when_told_to_replace(
    taken: Taken, empty: Path
) -> None:
    port = ports.free()
    command = [sys.executable, "-m", "infra.local", "--port", str(port), "--data", str(empty), "--no-demo"]
    with subprocess.Popen(command, cwd=bootstrap.ROOT, stdout=subprocess.PIPE, text=True) as runner:
        try:
            wait_until_ready(runner)
            base = f"http://localhost:{port}"
            carol = Person(base, "carol@example.com")
            carol.sign_up()
            done = typed("restore", DATA=empty, FROM=taken.folder)
            assert done.returncode != 0
            assert "users' data in auth: make restore FROM=… REPLACE=1" in done.stderr
            assert carol.spend("kept") == 201
            done = typed("restore", DATA=empty, FROM=cut_but_signed(taken, empty, "expenses.dump"), REPLACE=1)
            assert done.returncode != 0
            assert "pg_restore failed" in done.stderr
            assert "Nothing was changed." in done.stderr
            done = typed("restore", DATA=empty, FROM=cut_but_signed(taken, empty, "sessions.rdb"), REPLACE=1)
            assert done.returncode != 0
            assert "The backup's sessions cannot be read: WITHOUT_SESSIONS=1" in done.stderr
            assert "Loading" not in done.stdout
            assert carol.get("/api/v1/expenses")[0] == 200, "one that breaks off changes nothing"
            with polling(base) as seen:
                done = typed("restore", DATA=empty, FROM=taken.folder, REPLACE=1)
            assert (done.returncode, done.stderr) == (0, "")
            assert {200, 503} <= set(seen) <= {200, 502, 503}, "no refused connection, no 404 of no route"
            assert seen[-1] == 200, "it is over when it says so"
            assert "Restored: the data of 20" in done.stdout
            assert carol.post("/api/v1/auth/login", {"email": carol.email, "password": PASSWORD}) == 401
            ada = taken.ada.as_of_now(base)
            assert ada.post("/api/v1/auth/refresh") == 200
            nothing_is_taken_for_what_is_lost(ada, taken)
            assert runner.poll() is None
            assert typed("status", DATA=empty).returncode == 0
        finally:
            runner.send_signal(signal.SIGTERM)
            runner.communicate(timeout=60)
    assert runner.returncode == 0
