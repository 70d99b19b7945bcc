"""How another command asks the process that holds a stack to do something with it (infra/adr/0021).

A Unix socket in the stack's own folder, which only its owner may enter. One request a connection, a line of
JSON; the answers are lines too. `{"began": true}` when its turn has come, since one thing is done at a time;
`{"say": …}` for a person; and at the end `{"done": …}`, empty or a failure.
"""

import json
import os
import select
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from infra.local.failure import Failure

NAME = "control"
READ_SECONDS = 5.0
STOPPED = "The stack was stopped meanwhile: start it with make run, then ask again."
BUSY_SECONDS = 1.0  # the holder looks for requests five times a second
Handler = Callable[[Mapping[str, Any], Callable[[str], None]], None]


@contextmanager
def _address(run: Path) -> Iterator[str]:
    """The socket's path by way of a descriptor: its own may have 107 bytes, and a data folder's more."""
    descriptor = os.open(run, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


class Control:
    """The listening end; who holds the stack serves a request whenever it has time."""

    def __init__(self, data: Path, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self._file = data / "run" / NAME
        self._file.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX)
        with _address(self._file.parent) as address:
            self._socket.bind(address)
        self._socket.listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._file.unlink(missing_ok=True)

    def serve(self, seconds: float) -> None:
        """Wait so long for a request, and do what it asks; who asked may leave meanwhile."""
        self._socket.settimeout(seconds)
        try:
            connection, _ = self._socket.accept()
        except TimeoutError:
            return
        with connection, suppress(BrokenPipeError, ConnectionResetError):
            connection.settimeout(READ_SECONDS)
            _write(connection, {"done": self._do(connection)})

    def _do(self, connection: socket.socket) -> str:
        def answer(line: Mapping[str, object]) -> None:
            with suppress(OSError):  # it is done to the end also when nobody listens any more
                _write(connection, line)

        try:
            request = json.loads(connection.makefile("rb").readline())
            _write(connection, {"began": True})  # unless who waited for the turn has left
            self._handlers[request["do"]](request, lambda text: answer({"say": text}))
        except Failure as failure:
            return str(failure)
        except Exception as error:  # noqa: BLE001 - or all parts would end, with the one that holds them
            return f"It broke off ({type(error).__name__}: {error}); make status says what runs."
        return ""


def _write(connection: socket.socket, answer: Mapping[str, object]) -> None:
    connection.sendall(json.dumps(answer).encode() + b"\n")


def ask(data: Path, request: Mapping[str, object]) -> None:
    """Have the process that holds `data` do it; prints what it says. Raises Failure."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            with _address(data.absolute() / "run") as address:
                connection.connect(address)
        except OSError:
            raise Failure(f"The stack on {data} takes no requests: is it still starting?") from None
        _follow(connection, request)


def _follow(connection: socket.socket, request: Mapping[str, object]) -> None:
    """Ask, and print what is said until it is done. Raises Failure."""
    begun = b""
    with connection.makefile("rb") as answers:
        try:
            _write(connection, request)
            if not select.select([connection], [], [], BUSY_SECONDS)[0]:
                print("The stack is busy with what was asked of it before; waiting …", flush=True)
            begun = answers.readline()
            _tell(answers)
        except KeyboardInterrupt:
            connection.shutdown(socket.SHUT_RDWR)  # from here on it is not begun any more
            if begun or answers.read():
                raise Failure("\nThe stack goes on with it to the end: make status says what runs.") from None
            raise Failure("\nInterrupted before its turn came: nothing was done.") from None
        except OSError:  # nobody has come to take the request
            raise Failure(STOPPED) from None


def _tell(answers: Iterable[bytes]) -> None:
    for line in answers:
        answer = json.loads(line)
        if answer.get("done"):
            raise Failure(answer["done"])
        if "done" in answer:
            return
        print(answer["say"], flush=True)
    raise Failure(STOPPED)
