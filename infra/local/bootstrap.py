"""Makes the environments that the parts run in, from the lock files, once for each state of these."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from infra.local.failure import Failure

ROOT = Path(__file__).resolve().parents[2]
RUN = ("services/auth", "services/expenses", "infra/local")
DEVELOP = (*RUN, "gateway", "tests-e2e")

ENDING = (signal.SIGTERM, signal.SIGHUP)

_programs: set[subprocess.Popen[str]] = set()  # that run now


def check_python() -> None:
    """Raises Failure when this Python has no venv."""
    try:
        import ensurepip  # noqa: F401, PLC0415 - asked for only here: Debian ships venv apart
        import venv  # noqa: F401, PLC0415 - the same
    except ImportError:
        raise Failure("This Python has no venv: install it (Debian: apt install python3-venv).") from None


def install(folders: Sequence[str], *, develop: bool) -> None:
    """Bring the environments of `folders` up to date, side by side; says what it does.

    Raises:
        Failure: pip failed; the message ends with what it said.
    """
    stale = [folder for folder in folders if not is_current(ROOT / folder, develop=develop)]
    if not stale:
        return
    print(f"Installing what {', '.join(stale)} need (the first time takes a minute) …", flush=True)
    with _signals_as_exceptions(), ThreadPoolExecutor(len(stale)) as threads:
        begun: list[Future[str]] = []
        try:
            begun.extend(threads.submit(_install, ROOT / folder, develop=develop) for folder in stale)
            for each in begun:
                print(f"  {each.result()}", flush=True)
        except BaseException:
            # In a thread, which no further signal breaks off and the process waits for.
            threading.Thread(target=_end_programs, args=[begun]).start()
            raise


class _Ended(BaseException):
    """A signal asked this process to end: as with KeyboardInterrupt, nobody takes it for an error."""


@contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """Where a signal would end this process at once, leaving what runs in sessions of their own.

    It ends by that signal all the same, once what runs has been ended.
    """
    main = threading.current_thread() is threading.main_thread()  # no other may ask for signals
    ours = [one for one in ENDING if main and signal.getsignal(one) is signal.SIG_DFL]
    heard: list[int] = []

    def hear(number: int, _frame: FrameType | None) -> None:
        heard.append(number)
        if len(heard) == 1:  # the others must not break off what it begins
            raise _Ended

    for one in ours:
        signal.signal(one, hear)
    try:
        yield
    finally:
        for one in ours:
            signal.signal(one, signal.SIG_DFL)
        if heard:
            signal.raise_signal(heard[0])


def _lock(folder: Path, *, develop: bool) -> Path:
    """The lock to install; a folder that is only about tests has none for running."""
    run = folder / "requirements.lock"
    return folder / "requirements-dev.lock" if develop or not run.exists() else run


def is_current(folder: Path, *, develop: bool = False) -> bool:
    """Whether the environment holds what the lock says: it keeps a copy of the lock it was made from.

    The development lock has all of the other one, so that it will do for running too.
    """
    environment = folder / ".venv"
    locks = {_lock(folder, develop=True), _lock(folder, develop=develop)}
    copies = ((environment / lock.name, lock) for lock in locks)
    if not any(copy.exists() and copy.read_bytes() == lock.read_bytes() for copy, lock in copies):
        return False
    made = (environment / "pyvenv.cfg").read_text()
    return f"version = {sys.version_info[0]}.{sys.version_info[1]}." in made and f" {environment}\n" in made


def _install(folder: Path, *, develop: bool) -> str:
    started = time.monotonic()
    environment = folder / ".venv"
    _run(sys.executable, "-m", "venv", "--clear", str(environment))
    lock = _lock(folder, develop=develop)
    pip = [str(environment / "bin/python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
    _run(*pip, "--disable-pip-version-check", "--no-input", "-r", str(lock))
    shutil.copyfile(lock, environment / lock.name)
    return f"{folder.relative_to(ROOT)}: ready after {time.monotonic() - started:.0f} s"


def _end_programs(begun: Sequence[Future[str]]) -> None:
    """With what they have started themselves; nothing that they leave is taken for whole."""
    while not all(each.done() for each in begun):  # or who is stopped waits for pip
        for program in [*_programs]:
            with suppress(ProcessLookupError):  # it ended
                os.killpg(program.pid, signal.SIGKILL)
        time.sleep(0.01)


def _run(*command: str) -> None:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as program:
        _programs.add(program)
        said, _ = program.communicate()
        _programs.discard(program)
    if program.returncode:
        said = "\n".join(said.strip().splitlines()[-15:])
        raise Failure(f"Installing failed: {' '.join(command[:4])} …\n{said}")
