"""How a part breaks: each returns what ends it."""

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from infra.local import servers
from infra.local.stack import Stack

Fault = Callable[[Stack, str], Callable[[], None]]


def stopped(stack: Stack, name: str) -> Callable[[], None]:
    """Stop a part in good order; what is returned starts it again."""
    stack.stop(name)
    return lambda: stack.start(name)


def killed(stack: Stack, name: str) -> Callable[[], None]:
    """End a part with SIGKILL; what is returned starts it again."""
    stack.kill(name)
    return lambda: stack.start(name)


def hung(stack: Stack, name: str) -> Callable[[], None]:
    """Hang a part with SIGSTOP; what is returned lets it go on."""
    stack.signal(name, signal.SIGSTOP)
    return lambda: stack.signal(name, signal.SIGCONT)


@contextmanager
def during(fault: Fault, stack: Stack, name: str) -> Iterator[None]:
    """The fault lasts as long as the block."""
    heal = fault(stack, name)
    try:
        yield
    finally:
        heal()


def emptied(stack: Stack, name: str) -> None:
    """Kill one of Redis and start it again without its data."""
    stack.kill(name)
    for file in (stack.data / name).rglob("*"):
        if file.is_file():
            file.unlink()
    stack.start(name)


@contextmanager
def an_empty_postgres(stack: Stack, *, with_databases: bool) -> Iterator[None]:
    """A new server in place of the one with the data, which comes back after the block."""
    data, kept = stack.data / "postgres", stack.data / "postgres.kept"
    stack.stop("postgres")
    data.rename(kept)
    try:
        servers.initdb(data, stack.place.secrets / "postgres/superuser_password")
        stack.start("postgres")
        if with_databases:
            stack.make_databases()
        yield
    finally:
        stack.stop("postgres")
        shutil.rmtree(data, ignore_errors=True)
        kept.rename(data)
        stack.start("postgres")


@contextmanager
def an_empty_database(stack: Stack, name: str) -> Iterator[None]:
    """The same of one service's database, while the other's goes on."""
    _rename(stack, name, f"{name}_kept")
    try:
        stack.make_databases()
        yield
    finally:
        query(stack, f"DROP DATABASE {name} WITH (FORCE)")
        _rename(stack, f"{name}_kept", name)


def _rename(stack: Stack, old: str, new: str) -> None:
    """All who are connected are thrown out, or it would not be allowed."""
    query(stack, f"ALTER DATABASE {old} ALLOW_CONNECTIONS false")
    of_it = f"FROM pg_stat_activity WHERE datname = '{old}'"
    query(stack, f"SELECT pg_terminate_backend(pid, 5000) {of_it}")
    query(stack, f"ALTER DATABASE {old} RENAME TO {new}")
    query(stack, f"ALTER DATABASE {new} ALLOW_CONNECTIONS true")


def query(stack: Stack, sql: str, database: str = "postgres") -> str:
    """What Postgres's superuser is told: a line a row, `|` between columns."""
    psql = [str(servers.postgres("psql")), *servers.connection(stack.place.ports["postgres"])]
    environment = servers.superuser(stack.place.secrets / "postgres/superuser_password")
    done = subprocess.run(
        [*psql, "-d", database, "-XAtqc", sql],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
