"""People who use a stack while it is backed up and restored, and what they know of it."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event, Thread, Timer
from types import MappingProxyType
from typing import Any

from infra.demo.seed import Client
from infra.local import bootstrap
from infra.local.ends import DATABASES
from infra.local.here import Here
from infra.local.manifest import File
from infra.local.parts import Place
from infra.local.stack import Stack

PASSWORD = "plums, velvet and 42 orbits"  # noqa: S105 - of people that only this test knows
WRITERS = 3
READY_SECONDS = 120.0
LUNCH = {"amount": "12.50", "currency": "EUR", "description": "Lunch \\N, π", "category": "food"}
READS = ("/api/v1/expenses", "/api/v1/expenses/summary?group_by=category", "/api/v1/changes")


def typed(target: str, **variables: object) -> subprocess.CompletedProcess[str]:
    settings = [f"{name}={value}" for name, value in variables.items()]
    command = ["make", "--no-print-directory", target, f"PYTHON={sys.executable}", *settings]
    return subprocess.run(
        command, cwd=bootstrap.ROOT, capture_output=True, text=True, timeout=120, check=False
    )


@dataclass
class Person:
    """Somebody with a session, and the tokens that they had at some time."""

    base: str
    email: str
    cookies: dict[str, str] = field(default_factory=dict)

    def post(self, path: str, body: object = None) -> int:
        with closing(Client(self.base, self.cookies)) as client:
            return client.post(path, body)[0]

    def sign_up(self) -> None:
        form = {"email": self.email, "password": PASSWORD}
        assert self.post("/api/v1/auth/register", form) == 201
        assert self.post("/api/v1/auth/login", form) == 200

    def get(self, path: str) -> tuple[int, Any]:
        status, _, body = self._get(path)
        return status, body

    def tag(self, path: str, known: str = "") -> tuple[int, str]:
        """The status for who has the content of the tag `known`, and the tag that is true now."""
        status, tag, _ = self._get(path, {"If-None-Match": known} if known else {})
        return status, tag

    def _get(self, path: str, more: Mapping[str, str] = MappingProxyType({})) -> tuple[int, str, Any]:
        headers = {"Authorization": f"Bearer {self.cookies['ea_access']}", **more}
        request = urllib.request.Request(self.base + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return int(answer.status), answer.headers.get("ETag", ""), json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers.get("ETag", ""), None

    def total(self) -> int:
        """How many expenses there are; where none was changed, the number of the last change too."""
        status, page = self.get("/api/v1/expenses?limit=1&include=total")
        assert status == 200
        return int(page["total"])

    def as_of_now(self, base: str = "") -> "Person":
        return Person(base or self.base, self.email, dict(self.cookies))

    def spend(self, external_id: str) -> int:
        return self.post("/api/v1/expenses", LUNCH | {"source": "load", "external_id": external_id})


@dataclass
class Taken:
    """A backup, the stack that it was taken of, and what people know of it."""

    folder: Path
    data: Path
    ada: Person
    ada_later: Person
    bob: Person
    known: set[str]
    """What was acknowledged before the backup began."""
    tried: set[str]
    lost_tags: Mapping[str, str]
    """Entity tags of what was written after the backup."""
    lost_since: int


def under_load(stack: Stack, home: Path) -> Taken:
    ada, bob = (Person(stack.base_url, f"{name}@example.com") for name in ("ada", "bob"))
    ada.sign_up()
    bob.sign_up()
    bob_before = bob.as_of_now()
    assert ada.spend("first") == 201
    assert bob.post("/api/v1/auth/logout") == 204
    before, acknowledged, tried, enough = ada.as_of_now(), {"first"}, {"first"}, Event()

    def write(writer: int) -> None:
        me, number = before.as_of_now(), 0
        while not enough.is_set():
            number += 1
            tried.add(f"{writer}-{number}")
            if me.spend(f"{writer}-{number}") == 201:
                acknowledged.add(f"{writer}-{number}")

    writers = [Thread(target=write, args=[writer]) for writer in range(WRITERS)]
    for writer in writers:
        writer.start()
    grown(acknowledged, 20)
    known = set(acknowledged)
    done = typed("backup", DATA=stack.data, BACKUPS=home / "backups")
    during = len(acknowledged)
    grown(acknowledged, 1)
    enough.set()
    for writer in writers:
        writer.join()
    assert (done.returncode, done.stderr) == (0, "")
    assert len(known) < during < len(acknowledged), "it was under load all the time"
    assert ada.post("/api/v1/auth/refresh") == 200
    assert ada.cookies["ea_refresh"] != before.cookies["ea_refresh"], "the session moved on meanwhile"
    lost_tags = {path: ada.tag(path)[1] for path in READS}
    lost_since = ada.total()
    (folder,) = (home / "backups").iterdir()
    return Taken(folder, stack.data, before, ada, bob_before, known, tried, lost_tags, lost_since)


def grown(acknowledged: set[str], more: int) -> None:
    """Wait until so many more are acknowledged."""
    wanted, deadline = len(acknowledged) + more, time.monotonic() + 20
    while len(acknowledged) < wanted:
        assert time.monotonic() < deadline, "nothing is written any more"
        time.sleep(0.05)


@contextmanager
def polling(base: str) -> Iterator[list[object]]:
    """What a client gets who asks both services all the time, in order: statuses, and what was no answer."""
    seen: list[object] = []
    enough = Event()

    def poll() -> None:
        while not enough.wait(0.02):
            seen.extend(_outcome(f"{base}/api/v1/{service}/openapi.json") for service in DATABASES)

    client = Thread(target=poll)
    client.start()
    try:
        yield seen
    finally:
        enough.set()
        client.join()


def _outcome(url: str) -> object:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError as error:
        return repr(error)


def content(place: Place, dump: Path) -> list[str]:
    """All of a dump: tables, owners, grants, rows; sorted, and without the word that is new each time."""
    lines = Here(place).postgres("pg_restore", "-f", "-", os.fspath(dump)).splitlines()
    return sorted(line for line in lines if not line.startswith(("\\restrict", "\\unrestrict")))


def cut_but_signed(taken: Taken, home: Path, name: str) -> Path:
    """A backup one file of which ends in the middle, and whose manifest says so."""
    folder = home / f"cut-{name}"
    shutil.copytree(taken.folder, folder)
    file = folder / name
    os.truncate(file, file.stat().st_size // 2)
    said = json.loads((folder / "manifest.json").read_text())
    said["files"][name] = asdict(File.of(file))
    (folder / "manifest.json").write_text(json.dumps(said))
    return folder


def wait_until_ready(runner: subprocess.Popen[str]) -> None:
    assert runner.stdout is not None
    patience = Timer(READY_SECONDS, runner.terminate)
    patience.start()
    try:
        assert any(line.startswith("Ready after") for line in runner.stdout)
    finally:
        patience.cancel()
