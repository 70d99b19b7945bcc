"""The stack of this machine's processes as something to back up and to restore into."""

import os
import socket
import subprocess
import time
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING

from infra.local import probes, servers
from infra.local.ends import DATABASES, NO_SESSIONS, PUT_SESSIONS
from infra.local.failure import Failure
from infra.local.parts import HOST, ORDER, Place, answers

if TYPE_CHECKING:
    from infra.local.stack import Stack

SNAPSHOT_SECONDS = 120.0
GATEWAY_SECONDS = 10.0
STOPPED = [name for name in ORDER if name not in {"postgres", "gateway"}]  # for a restore
PART_BYTES = 1024 * 1024


class Here:
    """Whatever runs at `place`, by whichever process."""

    sessions_server = "valkey"

    def __init__(self, place: Place) -> None:
        self.place = place

    def versions(self) -> Mapping[str, str]:
        """Of each part that answers."""
        found = {name: probes.ask(self.place, name).version for name in ORDER}
        return {name: version for name, version in found.items() if version}

    def key(self) -> bytes:
        """The key that auth's private keys are encrypted under."""
        return (self.place.secrets / "auth/key_encryption_key").read_bytes().strip()

    def postgres(
        self, program: str, *arguments: str, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None
    ) -> str:
        """Run a client program of the wheel as the superuser. Raises Failure."""
        port = self.place.ports["postgres"]
        command = [str(servers.postgres(program)), *servers.connection(port), *arguments]
        environment = os.environ | servers.superuser(self.place.secrets / "postgres/superuser_password")
        return run_client(program, command, environment, stdin, stdout)

    def sessions(self, file: IO[bytes]) -> None:
        """As a replica would ask for it (SYNC): the server forks and sends one moment's data."""
        password = (self.place.secrets / "redis-sessions/backup_password").read_text().strip()
        with socket.create_connection((HOST, self.place.ports["sessions"]), SNAPSHOT_SECONDS) as connection:
            said = connection.makefile("rb")
            for command in (f"AUTH backup {password}", "SYNC"):
                connection.sendall(f"{command}\r\n".encode())
                while (line := said.readline()) == b"\n":  # it says so while it is writing
                    pass
                if not line:
                    log = self.place.data / "logs/sessions.log"
                    raise Failure(f"The sessions' server could not write a snapshot: {log} ends with why.")
                if line[:1] not in {b"+", b"$"}:
                    raise Failure(
                        f"The sessions' server refuses {command[:4]}: {line.decode().strip()}. It knows"
                        " the user backup once it was started by this release."
                    )
            left = int(line[1:])
            while part := said.read(min(left, PART_BYTES)):
                file.write(part)
                left -= len(part)
        if left:
            raise Failure(f"The sessions' snapshot was cut off, {left} bytes before its end.")


class HereHeld(Here):
    """A stack that this very process holds, and so may stop and start."""

    def __init__(self, stack: "Stack") -> None:
        super().__init__(stack.place)
        self._stack = stack
        self._stopped: list[str] = []

    def make_databases(self) -> None:
        """Roles and databases as they should be."""
        self._stack.make_databases()

    def check_sessions(self, snapshot: IO[bytes]) -> None:
        """The server's program is its own checker when it is called by that name."""
        done = subprocess.run(
            ["valkey-check-rdb", "/dev/stdin"], executable=servers.valkey(),
            stdin=snapshot, capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        if done.returncode:
            raise Failure(f"valkey-check-rdb failed:\n{done.stdout.strip()}")

    def migrate(self, service: str, database: str) -> None:
        """Bring a database of this service to the schema of this release."""
        self._stack.migrate(service, database)

    def stop(self) -> None:
        """All parts but Postgres and the gateway, which says 503 meanwhile; alone it would say 404."""
        self._stopped = [name for name in STOPPED if self._stack.has(name)]
        for name in reversed(self._stopped):
            self._stack.stop(name)

    def put_sessions(self, snapshot: IO[bytes] | None) -> None:
        """What the sessions' server will start with."""
        script = NO_SESSIONS if snapshot is None else PUT_SESSIONS
        command = ["sh", "-ec", script, "sessions", str(self.place.data / "sessions")]
        run_client("sh", command, os.environ, snapshot or subprocess.DEVNULL, None)

    def start(self) -> None:
        """What `stop` stopped; where one does not become ready, the others are started all the same."""
        for name in self._stopped:
            self._stack.launch(name)
        for name in self._stopped:
            self._stack.wait_ready(name)
        if self._stack.has("gateway"):
            self._wait_for_gateway()

    def _wait_for_gateway(self) -> None:
        """It sends to a service again once its next look at /readyz has found it ready."""
        deadline = time.monotonic() + GATEWAY_SECONDS
        for name in DATABASES:
            while not answers(f"{self._stack.base_url}/api/v1/{name}/openapi.json"):
                if time.monotonic() > deadline:
                    raise Failure(f"The gateway does not send to {name}, which is ready: see make logs.")
                time.sleep(0.1)


def run_client(
    name: str,
    command: list[str],
    environment: Mapping[str, str],
    stdin: IO[bytes] | int | None,
    stdout: IO[bytes] | None,
) -> str:
    """Run a program to its end, its data from and to files. Raises Failure with what it complained of."""
    done = subprocess.run(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=subprocess.PIPE if stdout is None else stdout,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        said = "\n".join(done.stderr.decode(errors="replace").strip().splitlines()[-15:])
        raise Failure(f"{name} failed:\n{said}")
    return (done.stdout or b"").decode()
