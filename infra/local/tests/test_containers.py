"""What is asked of Compose, in which order. The engine is a stand-in here, for machines that have none.

What the containers themselves do of it can only be seen with an engine.
"""

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import backup, exchange, logs
from infra.local.compose import Compose
from infra.local.containers import Containers
from infra.local.failure import Failure
from infra.local.restore import restore

ENGINE = '''#!{python}
"""Keeps its containers, what it was asked and where its gateway sends, in files beside itself."""
import json, pathlib, sys
here, words = pathlib.Path(__file__).parent, sys.argv[1:]
state = json.loads((here / "state").read_text())
said = " ".join(words)
with (here / "asked").open("a") as asked:
    asked.write(said.replace(chr(10), " ") + chr(10))
if words[0] == "ps":
    for name in state["rows"]:
        how = state["health"].get(name) if state["moved"] else None
        how = how or ["running", "healthy"]
        row = dict(ID=name, Name=f"x-{{name}}", Service=name[:-2], State=how[0], Health=how[1])
        print(json.dumps(row))
elif words[0] == "up" and "--scale" in words:
    if state["breaks"]:
        sys.exit("container x-expenses-2 is unhealthy")
    name, count = words[words.index("--scale") + 1].split("=")
    while sum(row.startswith(name) for row in state["rows"]) < int(count):
        state["rows"].append(f"{{name}}-2")
elif words[0] == "stop" and words[1] in state["rows"]:
    state["rows"].remove(words[1])
elif "servers" in words:
    state["host"] = words[words.index("-e") + 1].partition("//")[2]
    state["moved"] = state["moved"] or "-2:" in state["host"]
elif "import ssl" in said:
    state["log"].append(words[-1] + ' "ServiceAddr":"' + state["host"] + '"')
elif words[0] == "logs":
    print(chr(10).join(state["log"]))
elif "/run/secrets/key_encryption_key" in words:
    print("a key")
elif "pg_dump" in words:
    print("dump of " + words[-1])
elif state["fails"] and state["fails"] in said:
    sys.exit(state["fails"] + " failed")
elif "--rdb" in said:
    sys.stdout.buffer.write(bytes.fromhex(state["snapshot"]))
elif "to_regclass" in said or "EXISTS (SELECT FROM" in said:
    print("t" if state["held"] else "f")
(here / "state").write_text(json.dumps(state))
'''

SNAPSHOT = b"REDIS0012 and a session\xff\x00f12345\n"
MARK = b"20f0cbc599734bf3a3954557b4df187f1c501d36"


class Engine:
    """The stand-in and what it remembers."""

    def __init__(self, folder: Path) -> None:
        self.folder, program = folder, folder / "docker"
        program.write_text(ENGINE.format(python=sys.executable))
        program.chmod(0o700)
        self.compose = Compose((str(program),))
        self.state(rows=["expenses-1", "auth-1", "gateway-1"], host="", log=[], held=False, breaks=False)
        self.state(snapshot=SNAPSHOT.hex(), health={}, moved=False, fails="")

    def state(self, **change: object) -> dict[str, object]:
        file = self.folder / "state"
        now: dict[str, object] = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(now | change))
        return now | change

    def asked(self, *words: str) -> Iterator[str]:
        """Of what it was asked, which of `words` each is about; the rest is left out."""
        for line in (self.folder / "asked").read_text().splitlines():
            yield from (word for word in words if word in line)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path)


def test_a_container_is_replaced_and_the_name_of_both_leads_nowhere_meanwhile(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "TRIAL_SECONDS", 0.0)
    exchange.rollout(engine.compose, "expenses", print)
    steps = ("build", "expenses-migrate", "http://x-expenses-1:8000", "expenses=2",
             "http://x-expenses-2:8000", "stop expenses-1", "rm expenses-1", "expenses=1",
             "http://expenses:8000")  # fmt: skip
    assert list(engine.asked(*steps)) == list(steps)
    assert engine.state()["rows"] == ["auth-1", "gateway-1", "expenses-2"]


def test_a_new_container_that_fails_leaves_the_old_one(engine: Engine) -> None:
    engine.state(breaks=True)
    with pytest.raises(Failure, match="unhealthy"):
        exchange.rollout(engine.compose, "expenses", print)
    assert engine.state()["rows"] == ["expenses-1", "auth-1", "gateway-1"]
    assert engine.state()["host"] == "expenses:8000"


@pytest.mark.parametrize("how", [("restarting", ""), ("running", "unhealthy")])
def test_a_new_container_that_does_not_stay_healthy_leaves_the_old_one(
    engine: Engine, how: tuple[str, str]
) -> None:
    engine.state(health={"expenses-2": how})  # from when the gateway sends there
    with pytest.raises(Failure, match=r"x-expenses-2 is not healthy any more (.*)\nThe old expenses serves"):
        exchange.rollout(engine.compose, "expenses", print)
    assert engine.state()["rows"] == ["expenses-1", "auth-1", "gateway-1"]
    assert engine.state()["host"] == "expenses:8000"
    assert list(engine.asked("http://x-expenses-2:8000", "stop expenses-2")) == [
        "http://x-expenses-2:8000", "stop expenses-2",
    ]  # fmt: skip


def test_a_backup_of_containers_comes_back_and_only_when_told_to_replace(
    engine: Engine, tmp_path: Path
) -> None:
    containers = Containers(engine.compose)
    folder = backup.take(containers, tmp_path / "backups")
    assert (folder / "auth.dump").read_text() == "dump of auth\n"
    assert json.loads((folder / "manifest.json").read_text())["sessions_server"] == "redis"
    assert (folder / "sessions.rdb").read_bytes() == SNAPSHOT
    (tmp_path / "asked").unlink()
    engine.state(held=True)
    with pytest.raises(Failure, match="REPLACE=1"):
        restore(containers, folder, replace=False, without_sessions=False, say=print)
    assert not list(engine.asked("pg_restore", "stop", "_leaving"))
    (tmp_path / "asked").unlink()
    restore(containers, folder, replace=True, without_sessions=False, say=print)
    steps = ("redis-check-rdb", "-d auth_arriving", "auth-migrate",
             "-d expenses_arriving", "expenses-migrate", "expenses.restored()",
             "DROP DATABASE IF EXISTS auth_leaving", "stop expenses auth", "RENAME",
             "appendonlydir.new")  # fmt: skip
    assert list(dict.fromkeys(engine.asked(*steps))) == list(steps)
    # Then all of it starts, and what may be left of databases on their way is dropped.
    start, *drops = (tmp_path / "asked").read_text().splitlines()[-5:]
    assert start == "up --detach --wait"
    dropped = [f"{name}{end}" for end in ("_arriving", "_leaving") for name in ("auth", "expenses")]
    assert [drop.split()[-3] for drop in drops] == dropped


@pytest.mark.parametrize(("fails", "said"), [
    ("pg_restore", "\nNothing was changed."),
    ("RENAME", "\nNothing was changed."),
    ("appendonlydir.new", "The data of before are in the databases auth_leaving and expenses_leaving"),
])  # fmt: skip
def test_one_that_breaks_off_says_what_became_of_the_data_and_deletes_none(
    engine: Engine, tmp_path: Path, fails: str, said: str
) -> None:
    containers = Containers(engine.compose)
    folder = backup.take(containers, tmp_path / "backups")
    engine.state(fails=fails)
    (tmp_path / "asked").unlink()
    with pytest.raises(Failure) as failure:
        restore(containers, folder, replace=True, without_sessions=False, say=print)
    assert said in str(failure.value)
    assert ("in the midst" in str(failure.value)) == (fails == "appendonlydir.new")
    # What an earlier one had kept goes just before others take its place, and nothing afterwards.
    steps = ["auth_leaving WITH", "expenses_leaving WITH", "stop expenses auth"]
    asked = steps if fails != "pg_restore" else []
    assert list(engine.asked(*steps)) == asked
    started = "up --detach --wait" in (tmp_path / "asked").read_text().splitlines()
    assert started == bool(asked)


def test_what_a_killed_backup_left_is_deleted_and_what_one_makes_now_is_not(
    engine: Engine, tmp_path: Path
) -> None:
    left, made = (tmp_path / f"2026-11-26T08-00-0{n}.000000Z.part" for n in range(2))
    for folder in (left, made):
        folder.mkdir()
        (folder / "sessions.rdb").write_text("half of it")
    descriptor = os.open(made, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        backup.take(Containers(engine.compose), tmp_path)
    finally:
        os.close(descriptor)
    assert not left.exists()
    assert (made / "sessions.rdb").exists()


def test_one_request_is_found_in_the_logs_of_containers(engine: Engine) -> None:
    line = {
        "request_id": "r-1",
        "ts": "2026-11-26T08:00:00.105Z",
        "level": "warning",
        "event": "cache_skipped",
    }
    engine.state(log=["not JSON: r-1", json.dumps(line), json.dumps(line | {"request_id": "r-2"})])
    told = logs.of_request(logs.in_containers(engine.compose), "r-1")
    assert told == [f"08:00:00.105 {part:9} warning cache_skipped" for part in logs.PARTS]
    asked = (engine.folder / "asked").read_text().splitlines()
    assert asked == [f"logs --no-color --no-log-prefix {part}" for part in logs.PARTS]


def test_what_redis_cli_leaves_behind_a_snapshot_is_no_part_of_it(engine: Engine, tmp_path: Path) -> None:
    engine.state(snapshot=(SNAPSHOT + MARK).hex())
    folder = backup.take(Containers(engine.compose), tmp_path / "backups")
    assert (folder / "sessions.rdb").read_bytes() == SNAPSHOT


@pytest.mark.parametrize("snapshot", [b"", b"REDIS", SNAPSHOT[:-1], SNAPSHOT + MARK[:-1]])
def test_a_snapshot_that_was_cut_off_is_no_backup(engine: Engine, tmp_path: Path, snapshot: bytes) -> None:
    engine.state(snapshot=snapshot.hex())
    with pytest.raises(Failure, match="cut off"):
        backup.take(Containers(engine.compose), tmp_path / "backups")
    assert not list((tmp_path / "backups").iterdir())
