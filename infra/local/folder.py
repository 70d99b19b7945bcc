"""The data folder of a stack: made for its owner, held by one process."""

import fcntl
import os
from pathlib import Path
from typing import IO

from infra.local.failure import Failure

EMPTY = {"run", "lost+found"}  # of a start that was killed there, of a disk that is new


def make(data: Path) -> None:
    """With what is in every one of them. Raises Failure."""
    try:
        data.mkdir(mode=0o711, parents=True, exist_ok=True)
        others = {path.name for path in data.iterdir()} - EMPTY
        if others and not _is_ours(data):
            raise Failure(
                f"The data folder {data} cannot be used: it has other files in it, which a stack would"
                " overwrite. Name one that is not there yet, or is empty: make run DATA=…"
            )
        (data / "run").mkdir(mode=0o700, exist_ok=True)
        (data / "run/lock").touch()
        (data / "logs").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _unusable(data, error) from None


def _is_ours(data: Path) -> bool:
    """Whether there is what a stack makes first, or what somebody puts there for a restore."""
    return (data / "run/lock").is_file() or (data / "secrets/auth").is_dir()  # /var/run/lock is a folder


def hold(data: Path) -> IO[str]:
    """One stack a data folder; the lock goes with the process, however it ends. Raises Failure."""
    try:
        lock = (data / "run/lock").open("a+")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        pid = lock.read().strip()
        lock.close()
        raise Failure(
            f"Already running on {data} (process {pid}): stop it with Ctrl-C there,"
            " or give another folder and port: make run DATA=… PORT=…"
        ) from None
    except OSError as error:
        raise _unusable(data, error) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def keep_logs_short(data: Path) -> None:
    """The last run's logs are kept as `.1`."""
    for log in (data / "logs").glob("*.log"):
        log.replace(log.with_suffix(".log.1"))


def _unusable(data: Path, error: OSError) -> Failure:
    return Failure(f"The data folder {data} cannot be used: {error.strerror}.")
