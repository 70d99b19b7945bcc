"""`make restore FROM=…`: a backup takes the place of what a stack holds.

Files are verified before anything is touched. Each database is loaded beside the one in use, owners and
grants included, and brought to this release's schema; only then the services stop, both databases are
exchanged in one transaction, and the sessions are put in place. What fails earlier changes nothing.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from infra.local import bootstrap, control, manifest, operate
from infra.local.compose import Compose
from infra.local.containers import Containers
from infra.local.ends import ARRIVING, DATABASES, LEAVING, Target
from infra.local.failure import Failure
from infra.local.here import HereHeld
from infra.local.manifest import Manifest
from infra.local.stack import Stack

HELD_BY = {"auth": "auth.users", "expenses": "expenses.user_state"}  # has rows as soon as anybody has any
TOLD = {"expenses": "SELECT expenses.restored()"}  # so that no number of what is lost is given out again


def restore(
    target: Target, folder: Path, *, replace: bool, without_sessions: bool, say: Callable[[str], None]
) -> None:
    """Bring the backup in `folder` back.

    Raises:
        Failure: it is not whole, is of another kind or key, or would replace data without `replace`.

    """
    said = manifest.read(folder)
    _check_kind(target, said, without_sessions=without_sessions)
    if not without_sessions:
        _check_sessions(target, folder)
    target.make_databases()
    if not replace and (held := [name for name in DATABASES if _holds_data(target, name)]):
        raise Failure(
            f"There are users' data in {' and '.join(held)}: make restore FROM=… REPLACE=1 deletes them."
            " Nothing was changed."
        )
    try:
        _load_all(target, folder, say)
        with ExitStack() as files:
            snapshot = None if without_sessions else files.enter_context((folder / "sessions.rdb").open("rb"))
            say("Exchanging …")
            _exchange(target, snapshot)
    finally:
        with suppress(Failure):  # Postgres may be down: the next start deletes them
            _drop(target, ARRIVING)
    say(f"Restored: the data of {said.taken_at}.")
    _drop(target, LEAVING)


def _check_kind(target: Target, said: Manifest, *, without_sessions: bool) -> None:
    if said.key != manifest.fingerprint(target.key()):
        raise Failure(
            "The backup's signing keys are encrypted under another key_encryption_key than this stack has:"
            " put that one's file in its place among the secrets. Nothing was changed."
        )
    if said.sessions_server != target.sessions_server and not without_sessions:
        raise Failure(
            f"The backup's sessions are of {said.sessions_server}, unlike {target.sessions_server}:"
            " WITHOUT_SESSIONS=1 leaves them out, and everybody signs in again. Nothing was changed."
        )


def _check_sessions(target: Target, folder: Path) -> None:
    """The checksums tell that a file is as it was written, not that the server here can read it."""
    try:
        with (folder / "sessions.rdb").open("rb") as snapshot:
            target.check_sessions(snapshot)
    except Failure as failure:
        raise Failure(
            f"{failure}\nThe backup's sessions cannot be read: WITHOUT_SESSIONS=1 leaves them out, and"
            " everybody signs in again. Nothing was changed."
        ) from None


def _holds_data(target: Target, name: str) -> bool:
    table = HELD_BY[name]
    there = _sql(target, f"SELECT to_regclass('{table}') IS NOT NULL", name) == "t"
    return there and _sql(target, f"SELECT EXISTS (SELECT FROM {table})", name) == "t"  # noqa: S608 - ours


def _load_all(target: Target, folder: Path, say: Callable[[str], None]) -> None:
    try:
        for name in DATABASES:
            say(f"Loading {name} …")
            _load(target, folder, name)
        _drop(target, LEAVING)  # the data of before one that broke off: kept until others take their place
    except Failure as failure:
        raise Failure(f"{failure}\nNothing was changed.") from None


def _load(target: Target, folder: Path, name: str) -> None:
    arriving = f"{name}{ARRIVING}"
    _sql(target, f"DROP DATABASE IF EXISTS {arriving} WITH (FORCE)")
    _sql(target, f"CREATE DATABASE {arriving} TEMPLATE template0")
    with (folder / f"{name}.dump").open("rb") as dump:
        target.postgres("pg_restore", "--single-transaction", "--exit-on-error", "-d", arriving, stdin=dump)
    target.migrate(name, arriving)
    _sql(target, "ANALYZE", arriving)
    if name in TOLD:
        _sql(target, TOLD[name], arriving)


def _exchange(target: Target, snapshot: IO[bytes] | None) -> None:
    """The short part, during which nothing answers; what had run is started again in any case."""
    target.stop()
    try:
        _rename(target)
        _put_sessions(target, snapshot)
        _grant(target)
    finally:
        target.start()


def _rename(target: Target) -> None:
    """In one transaction: both databases are the backup's, or none is."""
    try:
        _sql(target, "; ".join(_renaming()))
    except Failure as failure:
        raise Failure(f"{failure}\nNothing was changed.") from None


def _put_sessions(target: Target, snapshot: IO[bytes] | None) -> None:
    try:
        target.put_sessions(snapshot)
    except Failure as failure:
        kept = " and ".join(f"{name}{LEAVING}" for name in DATABASES)
        raise Failure(
            f"{failure}\nIt broke off in the midst: make restore again, or half of it may stay. The data of"
            f" before are in the databases {kept} until then."
        ) from None


def _grant(target: Target) -> None:
    """What is granted on a database itself is in no backup of it."""
    try:
        target.make_databases()
    except Failure as failure:
        raise Failure(f"{failure}\nThe backup's data are in their place; the next start does this.") from None


def _renaming() -> list[str]:
    names = ", ".join(f"'{name}', '{name}{ARRIVING}'" for name in DATABASES)
    ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    return [
        f"{ended} WHERE datname IN ({names})",
        *(f"ALTER DATABASE {name} RENAME TO {name}{LEAVING}" for name in DATABASES),
        *(f"ALTER DATABASE {name}{ARRIVING} RENAME TO {name}" for name in DATABASES),
    ]


def _drop(target: Target, end: str) -> None:
    for name in DATABASES:
        _sql(target, f"DROP DATABASE IF EXISTS {name}{end} WITH (FORCE)")


def _sql(target: Target, statement: str, database: str = "postgres") -> str:
    return target.postgres("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement).strip()


def here(data: Path, folder: Path, *, replace: bool, without_sessions: bool) -> None:
    """Into the stack on `data`: its runner is asked to do it, or this process starts the servers for it."""
    if operate.runs(data):
        request = {"do": "restore", "folder": str(folder), "replace": replace}
        control.ask(data, {**request, "without_sessions": without_sessions})
        return
    manifest.read(folder)  # before so much as a folder is made
    with Stack(data, port=0).servers() as stack:
        restore(HereHeld(stack), folder, replace=replace, without_sessions=without_sessions, say=print)


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m infra.local.restore", description=__doc__)
    parser.add_argument("folder", help="a folder that make backup made")
    parser.add_argument("--data", default=".local", help="the folder of the stack")
    parser.add_argument("--compose", help="into the containers, with this command")
    parser.add_argument("--replace", action="store_true", help="delete the data that are there")
    parser.add_argument("--without-sessions", action="store_true", help="everybody signs in again")
    given = parser.parse_args()
    folder = Path(given.folder).absolute()
    choices = {"replace": given.replace, "without_sessions": given.without_sessions}
    try:
        if given.compose:
            restore(Containers(Compose.of(given.compose)), folder, **choices, say=print)
        else:
            here(Path(given.data), folder, **choices)
    except (Failure, OSError, subprocess.TimeoutExpired) as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: make restore again, or half of it may be what make run finds.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    os.chdir(bootstrap.ROOT)
    sys.exit(main())
