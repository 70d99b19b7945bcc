"""`make backup`: both databases and the sessions of a running stack, into a new folder of mode 0700.

Each is as of one moment. The sessions come first and auth last: a session that was ended meanwhile is
found ended in auth's database, which decides, and no expense of the backup has an owner that auth does not
know.
"""

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO

from infra.local import bootstrap, manifest, operate
from infra.local.compose import Compose
from infra.local.containers import Containers
from infra.local.ends import DATA_FILES, DATABASES, Source
from infra.local.failure import Failure
from infra.local.here import Here
from infra.local.manifest import File, Manifest

# A migration that holds a table is waited for that long.
DUMP = ("--format=custom", "--lock-wait-timeout=10s")
# Numbers that no other database of the server ever has: after a restore these are others.
WHICH = f"SELECT oid FROM pg_database WHERE datname IN {DATABASES} ORDER BY datname"  # noqa: S608 - ours


def take(source: Source, backups: Path) -> Path:
    """The new folder in `backups`, named by the moment; none when it fails. Raises Failure."""
    began = datetime.now(UTC)
    folder = backups.absolute() / began.strftime("%Y-%m-%dT%H-%M-%S.%fZ")
    part = folder.with_name(f"{folder.name}.part")
    try:
        backups.mkdir(mode=0o700, parents=True, exist_ok=True)
        _forget_broken_off(backups)
        part.mkdir(mode=0o700)
        with _held(part):
            _fill(part, source, began)
            part.rename(folder)
    except OSError as error:
        raise Failure(f"The backup could not be made: {error}.") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _fill(part: Path, source: Source, began: datetime) -> None:
    which = source.postgres("psql", "-XAtqd", "postgres", "-c", WHICH)
    _write(part / "sessions.rdb", source.sessions)
    for name in ("expenses", "auth"):
        _write(part / f"{name}.dump", partial(_dump, source, name))
    if source.postgres("psql", "-XAtqd", "postgres", "-c", WHICH) != which:
        raise Failure(
            "A restore has exchanged the databases meanwhile: no backup was made, make backup again."
        )
    said = Manifest(
        format=manifest.FORMAT,
        taken_at=began.isoformat(),
        versions=source.versions(),
        sessions_server=source.sessions_server,
        key=manifest.fingerprint(source.key()),
        files={name: File.of(part / name) for name in DATA_FILES},
    )
    _write(part / manifest.NAME, partial(_put, said.text()))


@contextmanager
def _held(part: Path) -> Iterator[None]:
    """A lock on a folder, which goes with the process, however it ends. Raises BlockingIOError."""
    descriptor = os.open(part, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _forget_broken_off(backups: Path) -> None:
    """Delete what backups left that were killed; one that is being made is held."""
    for part in backups.glob("*Z.part"):
        with suppress(BlockingIOError, FileNotFoundError), _held(part):
            shutil.rmtree(part)


def _dump(source: Source, name: str, file: IO[bytes]) -> None:
    source.postgres("pg_dump", *DUMP, name, stdout=file)


def _put(text: str, file: IO[bytes]) -> None:
    file.write(text.encode())


def _write(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """A new file that only its owner reads, on the disk when this returns."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m infra.local.backup", description=__doc__)
    parser.add_argument("--data", default=".local", help="the folder of the stack")
    parser.add_argument("--compose", help="of the containers, with this command")
    parser.add_argument("--to", default="backups", help="where the new folder is made")
    given = parser.parse_args()
    try:
        source = (
            Containers(Compose.of(given.compose)) if given.compose else Here(operate.find(Path(given.data)))
        )
        folder = take(source, Path(given.to))
    except (Failure, subprocess.TimeoutExpired) as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: no backup was made.", file=sys.stderr)
        return 130
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}  ({size / 1e6:.1f} MB; without the secrets: keep those apart)")
    return 0


if __name__ == "__main__":
    os.chdir(bootstrap.ROOT)
    sys.exit(main())
