"""What these tests are about is not what happens while a server or the machine takes its time."""

import pytest

from auth_service.database import Database

LIMITS = (
    "accounts.passwords.WAIT",
    "database.CHECKOUT",
    "database.CONNECT",
    "deadline.REQUEST",
    "direct.CHECKOUT",
    "direct.TRANSACTION",
    "health.READY",
    "sessions.repository.ANSWER",
    "sessions.repository.CONNECT",
    "sessions.repository.TOGETHER",
)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """`monkeypatch.undo()` gives the limits of production back."""
    monkeypatch.setattr("auth_service.keys.service.PATIENCE_SECONDS", 20.0)
    for limit in LIMITS:
        monkeypatch.setattr(f"auth_service.{limit}_SECONDS", 60.0)
    transaction = Database.transaction.__wrapped__  # type: ignore[attr-defined]  # of contextlib
    monkeypatch.setitem(transaction.__kwdefaults__, "seconds", 60.0)
