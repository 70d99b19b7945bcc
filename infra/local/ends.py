"""The two ends of a backup, the processes of `make run` or the containers: what is asked of them.

A database arrives beside the one that is in use and takes its place once all of it is there.
"""

from collections.abc import Mapping
from typing import IO, Protocol

DATABASES = ("auth", "expenses")
DATA_FILES = (*(f"{name}.dump" for name in DATABASES), "sessions.rdb")
ARRIVING, LEAVING = "_arriving", "_leaving"  # the ends of a database's name meanwhile

# Sets the append-only file of the server that is stopped to one snapshot: multi-part append-only files
# begin with a base in that very form, which a manifest names (Redis documentation, "Persistence").
PUT_SESSIONS = """
umask 077
cd "$1"
rm -rf appendonlydir.new appendonlydir.old
mkdir appendonlydir.new
cat >appendonlydir.new/appendonly.aof.1.base.rdb
echo 'file appendonly.aof.1.base.rdb seq 1 type b' >appendonlydir.new/appendonly.aof.manifest
[ ! -e appendonlydir ] || mv appendonlydir appendonlydir.old
mv appendonlydir.new appendonlydir
rm -rf appendonlydir.old dump.rdb
"""
NO_SESSIONS = 'cd "$1"; rm -rf appendonlydir dump.rdb'


class Source(Protocol):
    """A stack whose Postgres and sessions run."""

    sessions_server: str
    """Redis and Valkey no longer read each other's snapshots."""

    def versions(self) -> Mapping[str, str]:
        """Of each part that answers."""

    def key(self) -> bytes:
        """The key that auth's private keys are encrypted under; a backup has its fingerprint only."""

    def postgres(
        self, program: str, *arguments: str, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None
    ) -> str:
        """Run a client program as the superuser; what it says. Raises Failure."""

    def sessions(self, file: IO[bytes]) -> None:
        """Write a snapshot of the sessions, as of one moment. Raises Failure."""


class Target(Source, Protocol):
    """A stack whose services and sessions can be stopped and started again."""

    def make_databases(self) -> None:
        """Roles and databases as they should be, empty where there are none, and none that arrives."""

    def check_sessions(self, snapshot: IO[bytes]) -> None:
        """See that the sessions' server can read a snapshot. Raises Failure with where it cannot."""

    def migrate(self, service: str, database: str) -> None:
        """Bring a database of this service to the schema of this release. Raises Failure."""

    def stop(self) -> None:
        """All parts but Postgres, and the gateway, which tells clients so."""

    def put_sessions(self, snapshot: IO[bytes] | None) -> None:
        """What the sessions' server will start with; it must be stopped."""

    def start(self) -> None:
        """What `stop` stopped."""
