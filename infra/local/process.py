"""One part as a process that cannot outlive the runner, however that ends.

Between the runner and the part stands a guard, a shell that waits on a pipe. When the runner closes
the pipe, or dies by whatever signal, the guard stops the part, waits for it, and ends.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from infra.local.failure import Failure

# $1 signal, $2 file for the pid (beside it: when the part began), then the command.
# Only builtins wait on the pipe (descriptor 3).
GUARD = """
exec 3<&0
signal=$1 file=$2; shift 2
"$@" </dev/null 3<&- &
part=$!
exec 2>/dev/null # from here on the log is the part's alone
read -r stat <"/proc/$part/stat"
set -- ${stat##*) }; shift 19
echo "$1" >"${file%.pid}.started"
echo "$part" >"$file"
( while read -r line <&3; do :; done; kill -"$signal" "$part"; kill -CONT "$part" ) &
watch=$!
wait "$part"; status=$?
kill "$watch" 2>/dev/null
exit "$status"
"""
STOP_SECONDS = 30.0
KILL_SECONDS = 2.0
LAST_BYTES = 64 * 1024  # more than the lines that anybody is shown


class Process:
    """A running part."""

    def __init__(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], folder: Path,
        log: Path, run: Path, stop: signal.Signals = signal.SIGTERM,
    ) -> None:  # fmt: skip
        self.name = name
        self.log = log
        self.began = time.monotonic()
        self._pid_file = run / f"{name}.pid"
        self._pid_file.unlink(missing_ok=True)
        stop_name = stop.name.removeprefix("SIG")
        with log.open("ab") as output:
            self._begins = output.tell()  # its log may have the lines of one before it
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", GUARD, "guard", stop_name, str(self._pid_file), *command],
                stdin=subprocess.PIPE, stdout=output, stderr=output,
                cwd=folder, env=dict(environment), start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Of the part itself, not of its guard."""
        deadline = time.monotonic() + 5
        while not (self._pid_file.exists() and (text := self._pid_file.read_text().strip())):
            if time.monotonic() > deadline or not self.alive():
                raise Failure(f"{self.name} did not start.\n{self.last_lines()}")
            time.sleep(0.01)
        return int(text)

    def alive(self) -> bool:
        """Whether the part runs (a stopped one, SIGSTOP, runs too)."""
        return self._guard.poll() is None

    def ends(self, seconds: float) -> bool:
        """Whether it ends within this time: its guard ends a moment after the part."""
        with suppress(subprocess.TimeoutExpired):
            self._guard.wait(seconds)
        return not self.alive()

    @property
    def end(self) -> str:
        """How it has ended, as its guard says in the manner of a shell: `by SIGKILL`, `with status 1`."""
        status = self._guard.wait()
        status = status if status >= 0 else 128 - status  # it was killed itself
        killed = {128 + number: number.name for number in signal.Signals}
        return f"by {killed[status]}" if status in killed else f"with status {status}"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the part and to its children, as Postgres has them."""
        for pid in [self.pid, *_children(self.pid)]:
            with suppress(ProcessLookupError):  # children end by themselves too, at once when Postgres does
                os.kill(pid, number)

    def stop(self) -> None:
        """Ask it to stop and wait; after 30 seconds, or without a guard that could ask, it is killed."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        try:
            guarded = self._guard.wait(STOP_SECONDS) >= 0
        except subprocess.TimeoutExpired:
            guarded = False
        if not guarded:
            self._kill()
        self._pid_file.unlink(missing_ok=True)
        self._pid_file.with_suffix(".started").unlink(missing_ok=True)

    def _kill(self) -> None:
        """The part and its guard, which may be gone already; what the part held is free afterwards."""
        deadline = time.monotonic() + KILL_SECONDS
        with suppress(ProcessLookupError):  # nobody is left
            while time.monotonic() < deadline:
                os.killpg(self._guard.pid, signal.SIGKILL)
                self._guard.poll()  # or it stays in the group as a zombie
                time.sleep(0.01)
        self._guard.wait()

    def last_lines(self, count: int = 15) -> str:
        """The end of what it has written to its log."""
        try:
            with self.log.open("rb") as written:
                size = written.seek(0, os.SEEK_END)
                begins = self._begins if self._begins <= size else 0  # it was cut meanwhile
                written.seek(max(begins, size - LAST_BYTES))
                lines = written.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            lines = [f"{self.log} was removed"]
        return "\n".join(f"  | {line}" for line in lines[-count:])


def _children(pid: int) -> list[int]:
    """The direct children of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended while we looked
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def _began(pid: int) -> str | None:
    """When a process began, in ticks since the machine did (proc(5), field 22); None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def is_ours(pid: int, data: Path) -> bool:
    """Whether `pid` is a process that was started for `data`: by its environment, or the folder it is in.

    Valkey writes its title over its environment, but stands in its data folder, as Postgres does.
    """
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        folder = Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return False
    return f"EXPENSE_DATA={data}\0" in environment or folder.is_relative_to(data.resolve())


def runs(data: Path, name: str) -> int | None:
    """The process that is the part `name` of the stack on `data`, if it runs."""
    text = written(data / f"run/{name}.pid").strip()
    alive = text.isdigit() and _began(int(text)) is not None and is_ours(int(text), data)
    return int(text) if alive else None


def written(file: Path) -> str:
    """What is in it; nothing when it is not there."""
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def stands_still(pid: int) -> bool:
    """Whether a process is stopped, by SIGSTOP or a debugger (proc(5), field 3)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"T", "t"}
    except OSError:
        return False


def end_leftovers(run: Path, data: Path) -> None:
    """End parts that an earlier run left, should its guards have been killed too; nobody else's."""
    for file in sorted(run.glob("*.pid")):
        text, mark = file.read_text().strip(), file.with_suffix(".started")
        began = mark.read_text().strip() if mark.exists() else ""
        # The number of a process is used again, also for one that stands in this folder: an editor, a shell.
        if text.isdigit() and _began(int(text)) == began and is_ours(int(text), data):
            _end(int(text), began, signal.SIGINT if file.stem == "postgres" else signal.SIGTERM)
        file.unlink(missing_ok=True)
        mark.unlink(missing_ok=True)


def _end(pid: int, began: str, how: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it may end by itself at any moment
        os.kill(pid, signal.SIGCONT)
        os.kill(pid, how)
        deadline = time.monotonic() + STOP_SECONDS
        while _began(pid) == began:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                return
            time.sleep(0.05)
