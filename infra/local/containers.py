"""The containers of `make up` as something to back up and to restore into."""

import os
import re
import subprocess
from collections.abc import Mapping
from typing import IO

from infra.local.compose import PARTS, Compose
from infra.local.ends import NO_SESSIONS, PUT_SESSIONS
from infra.local.failure import Failure
from infra.local.here import run_client

# Passwords are read where they are mounted, and are on no command line.
AS_SUPERUSER = 'PGPASSWORD=$(cat /run/secrets/superuser_password); export PGPASSWORD; exec "$@"'
SNAPSHOT = (
    "REDISCLI_AUTH=$(cat /run/secrets/backup_password); export REDISCLI_AUTH;"
    " exec redis-cli --user backup --no-auth-warning --rdb -"
)
# A snapshot ends with an opcode and a checksum of 8 bytes. Behind them redis-cli leaves the mark that told it
# where the end is, 40 digits, since it cannot cut a pipe; with it the server does not start.
END = re.compile(rb"\xff.{8}([0-9a-f]{40})?", re.DOTALL)
MARK_BYTES, END_BYTES = 40, 9


class Containers:
    """What Compose runs; whatever is asked of it goes through the engine."""

    sessions_server = "redis"

    def __init__(self, compose: Compose) -> None:
        self._compose = compose

    def versions(self) -> Mapping[str, str]:
        """Of each part that answers."""
        found = {name: self._compose.version(name) for name in PARTS}
        return {name: version for name, version in found.items() if version}

    def key(self) -> bytes:
        """From a container that has it mounted; the service itself need not run."""
        read = ("--entrypoint", "cat", "auth", "/run/secrets/key_encryption_key")
        return self._compose.run("run", "--rm", "--no-deps", "-T", *read).strip().encode()

    def postgres(
        self, program: str, *arguments: str, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None
    ) -> str:
        """Run a client program in Postgres's own container, so that it is of the server's version."""
        client = (program, "-h", "127.0.0.1", "-U", "postgres", *arguments)
        inside = ("postgres", "sh", "-c", AS_SUPERUSER, "sh", *client)
        return self._client(program, "exec", "-T", *inside, stdin=stdin, stdout=stdout)

    def sessions(self, file: IO[bytes]) -> None:
        """A snapshot of one moment, as a replica asks for it."""
        self._client("redis-cli", "exec", "-T", "redis-sessions", "sh", "-c", SNAPSHOT, stdout=file)
        size = file.seek(0, os.SEEK_END)
        for left in (size - MARK_BYTES, size):
            file.seek(max(left - END_BYTES, 0))
            if END.fullmatch(file.read()):
                file.truncate(left)
                return
        raise Failure("The sessions' snapshot was cut off.")

    def make_databases(self) -> None:
        """Postgres runs, and has roles and databases as they should be."""
        self._compose.run("up", "--detach", "--wait", "postgres")
        self._compose.run("run", "--rm", "--no-deps", "-T", "databases")

    def check_sessions(self, snapshot: IO[bytes]) -> None:
        """By the checker of the server's own image."""
        inside = ("--entrypoint", "sh", "redis-sessions", "-c", "redis-check-rdb /dev/stdin >&2")
        self._client("redis-check-rdb", "run", "--rm", "--no-deps", "-T", *inside, stdin=snapshot)

    def migrate(self, service: str, database: str) -> None:
        """Bring a database of this service to the schema of this release."""
        name = f"{service.upper()}_MIGRATION_DATABASE_URL"
        url = f"postgresql://{service}_owner@postgres:5432/{database}"
        self._compose.run("run", "--rm", "--no-deps", "-T", "-e", f"{name}={url}", f"{service}-migrate")

    def stop(self) -> None:
        """All parts but Postgres and the gateway; the cache forgets with it."""
        self._compose.run("stop", *(name for name in reversed(PARTS) if name not in {"postgres", "gateway"}))

    def put_sessions(self, snapshot: IO[bytes] | None) -> None:
        """What the sessions' server will start with, in its volume."""
        script = NO_SESSIONS if snapshot is None else PUT_SESSIONS
        inside = ("--entrypoint", "sh", "redis-sessions", "-ec", script, "sessions", "/data")
        self._client("sh", "run", "--rm", "--no-deps", "-T", *inside, stdin=snapshot)

    def start(self) -> None:
        """All of it."""
        self._compose.run("up", "--detach", "--wait")

    def _client(
        self, name: str, *arguments: str, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None
    ) -> str:
        given = subprocess.DEVNULL if stdin is None else stdin
        return run_client(name, [*self._compose.command, *arguments], os.environ, given, stdout)
