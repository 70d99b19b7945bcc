"""`make docker-test`, second part: what an operator does to running containers, by verbs of make, under load.

A service is replaced and no request fails; a backup is taken and restored, and every row is as it was then.
Standard library only. Prints a line a check.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from infra.local.compose import Compose
from infra.local.containers import Containers
from infra.local.ends import DATABASES
from infra.local.failure import Failure
from infra.local.steady import PROMISED_SECONDS, Load

COMPOSE = Compose(("docker", "compose"))
SERVICES = ("auth", "expenses")
LEAST_SHARE = 0.9  # of 100 requests a second
MAKE_SECONDS = 240
# Words of pg_dump's own, and the epoch that a restore begins: its rows of `data_epoch` and `restores`.
NEW_EACH_TIME = re.compile(r"\\(un)?restrict |(t\t)?\d{16}$")


def make(target: str, **variables: object) -> None:
    """Run one of make's verbs. Raises RuntimeError with what it said when it fails."""
    settings = [f"{name}={value}" for name, value in variables.items()]
    done = subprocess.run(
        ["make", "--no-print-directory", target, f"PYTHON={sys.executable}", *settings],
        capture_output=True, text=True, timeout=MAKE_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"make {target} failed:\n{done.stdout}{done.stderr}")


def port() -> int:
    """Where the gateway is published."""
    return int(COMPOSE.run("port", "gateway", "8080").rpartition(":")[2])


def container(service: str) -> str:
    """Its one container."""
    return COMPOSE.run("ps", "--quiet", service).strip()


def under_load(act: Callable[[], None]) -> Load:
    """What came of the requests that there were while `act` did its work. Raises RuntimeError."""
    with Load.of_somebody(port()).running() as load:
        act()
        time.sleep(1)
    if load.failed:
        raise RuntimeError(f"requests failed: {load.failed}")
    if load.share < LEAST_SHARE:
        raise RuntimeError(f"no load: {load.outcomes.total()} requests, {load.share:.0%} of those due")
    if load.longest > PROMISED_SECONDS:
        raise RuntimeError(f"a request took {load.longest:.1f} s")
    return load


def replaced(service: str) -> str:
    """How many requests there were meanwhile."""
    before = container(service)
    load = under_load(partial(make, "rollout", SVC=service))
    if container(service) in {"", before}:
        raise RuntimeError("the container is the one that was there before")
    return f"{load.outcomes.total()} requests, none failed"


def restored() -> str:
    """How many rows came back, after more had been written."""
    with tempfile.TemporaryDirectory() as home:
        load = under_load(partial(make, "backup", BACKUPS=f"{home}/first"))
        (first,) = Path(home, "first").iterdir()
        with Load(port(), load.cookies).running() as after:
            time.sleep(1)
        make("restore", FROM=first, REPLACE=1)
        make("backup", BACKUPS=f"{home}/second")
        (second,) = Path(home, "second").iterdir()
        rows = sum(same_rows(first / f"{name}.dump", second / f"{name}.dump") for name in DATABASES)
    make("status")
    with Load(port(), load.cookies).running() as again:
        time.sleep(1)
    if again.failed:
        raise RuntimeError(f"who was signed in when it was taken is not now: {again.failed}")
    return f"{rows} rows as they were, {after.outcomes.total()} requests later undone"


def same_rows(first: Path, second: Path) -> int:
    """How many rows both dumps hold, and nothing else. Raises RuntimeError with where they differ."""
    there, here = content(first), content(second)
    if there != here:
        differ = sorted(set(there) ^ set(here))
        raise RuntimeError(f"{first.name}: {len(differ)} lines differ, the first ones {differ[:3]}")
    return sum("\t" in line for line in there)


def content(dump: Path) -> list[str]:
    """All of a dump: tables, owners, grants, rows; sorted, and without what is new each time."""
    with dump.open("rb") as opened:
        text = Containers(COMPOSE).postgres("pg_restore", "-f", "-", stdin=opened)
    return sorted(line for line in text.splitlines() if not NEW_EACH_TIME.match(line))


def checks() -> Iterator[tuple[str, Callable[[], str]]]:
    """Each with its name, in this order."""
    for service in SERVICES:
        yield f"{service} is replaced under load", partial(replaced, service)
    yield "a backup taken under load is restored", restored


def main() -> int:
    """The exit status: 0 only if every check holds."""
    failed = 0
    for name, check in checks():
        try:
            said, word = check(), "ok    "
        except (RuntimeError, Failure, OSError, subprocess.TimeoutExpired) as error:
            failed, said, word = failed + 1, str(error), "FAILED"
        print(f"  {word}  {name}: {said}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
