"""The service waits as long as it takes: a slow moment fails no test of something else."""

from collections.abc import Callable
from typing import Any

from expenses_service import database, direct, health, resources
from expenses_service.categories import service as categories
from expenses_service.changes.versions import VersionReader
from expenses_service.expenses import group_commit
from expenses_service.keys import repository as keys

LONG = 60.0

Put = Callable[[Any, str, Any], None]
"""Puts a value into a mapping, under its name."""


def be_patient(put: Put) -> None:
    """With what Postgres, keys and readiness are waited for; files and the cache have their own."""
    for module, names in {
        database: ("CONNECT_SECONDS", "WAIT_SECONDS", "CHECKOUT_SECONDS"),
        direct: ("WAIT_SECONDS",),
        group_commit: ("WAIT_SECONDS",),
        categories: ("MOVE_SECONDS",),
        keys: ("FETCH_TIMEOUT_SECONDS",),
        health: ("READY_SECONDS",),
        resources: ("PROBE_SECONDS",),
    }.items():
        for name in names:
            assert name in vars(module)
            put(vars(module), name, LONG)
    transaction = database.Database.transaction.__wrapped__  # type: ignore[attr-defined]  # of contextlib
    for function in (direct.Direct.__init__, VersionReader.__init__, transaction):
        defaults = function.__kwdefaults__
        assert defaults is not None
        assert "seconds" in defaults
        put(defaults, "seconds", LONG)
    for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
        put(database.SESSION, name, f"{LONG:.0f}s")
