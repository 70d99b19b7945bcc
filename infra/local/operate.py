"""Operator commands on a stack that runs here: `python3 -m infra.local.operate auth keys-rotate`."""

import argparse
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.local import bootstrap
from infra.local.failure import Failure
from infra.local.parts import Place, build

SERVICES = ("auth", "expenses")


def publish(place: Place) -> None:
    """Leave word of a stack's ports for those who look for it."""
    file = _place_file(place.data)
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        json.dump({"ports": dict(place.ports), "tls": place.tls}, opened)
    part.replace(file)


def find(data: Path) -> Place:
    """The stack that runs on `data`. Raises Failure."""
    data = data.absolute()
    if not runs(data):
        raise Failure(f"Nothing runs on {data}: start it with make run, or name its folder with DATA=…")
    try:
        said = json.loads(_place_file(data).read_text())
    except (OSError, ValueError):
        raise Failure(
            f"{_place_file(data)} does not tell where the stack's parts listen: either it has only begun to"
            " start, then try again, or the file was removed, then stop it with Ctrl-C and make run."
        ) from None
    return Place(data, said["ports"], said["tls"])


def runs(data: Path) -> bool:
    """Whether a stack runs on `data`, or begins to."""
    return _is_held(data.absolute() / "run/lock")


def run(
    place: Place, service: str, arguments: Sequence[str], *, capture: bool
) -> subprocess.CompletedProcess[str]:
    """Run a command with the service's own settings; its output is kept, or goes where ours goes."""
    part = build(service, place)
    command = [part.command[0], "-m", f"{service}_service.operator", *arguments]
    return subprocess.run(
        command, cwd=part.folder, env=dict(part.environment), capture_output=capture, text=True, check=False
    )


def _place_file(data: Path) -> Path:
    return data / "run/place.json"


def _is_held(lock: Path) -> bool:
    """Whether a stack holds its folder; a killed one does not, whatever files it left. Raises Failure."""
    try:
        with lock.open() as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except PermissionError as error:
        raise Failure(f"{lock} cannot be read ({error.strerror}): whose stack is it?") from None
    except OSError:
        return False
    return False


def main() -> int:
    """The exit status, which is that of the command."""
    parser = argparse.ArgumentParser(prog="python3 -m infra.local.operate", description=__doc__)
    parser.add_argument("--data", default=".local", help="the folder of the stack")
    parser.add_argument("service", choices=SERVICES, help="whose operator it is")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="for the operator; --help lists them")
    given = parser.parse_args()
    try:
        return run(find(Path(given.data)), given.service, given.command, capture=False).returncode
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    os.chdir(bootstrap.ROOT)
    sys.exit(main())
