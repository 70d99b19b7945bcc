"""Who calls auth for schemathesis, which ends sessions and closes accounts too; loaded by it."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

import httpx
import schemathesis

from specification import hooks  # noqa: F401 - its hooks and its check are for this service too

AUTH = "/api/v1/auth"
PASSWORD = "correct horse battery"  # that of the examples, so that these change it and close the account
ADDRESS = "127.0.0.254"
FRESH_SECONDS = 240  # an access token lives for five minutes
# After these nobody is signed in any more, or with other tokens.
ENDINGS = frozenset(
    {
        "accounts_change_password",
        "accounts_close",
        "sessions_end",
        "sessions_logout",
        "sessions_logout_all",
        "sessions_refresh",
    }
)


@dataclass(frozen=True)
class Tokens:
    """Of a person of its own; `since` is on the monotonic clock."""

    access: str
    refresh: str
    since: float


def sign_in(base_url: str) -> Tokens:
    """From an address of its own: after the wrong passwords that schemathesis sends, its own is barred."""
    form = {"email": f"schemathesis-{secrets.token_hex(8)}@example.com", "password": PASSWORD}
    transport = httpx.HTTPTransport(local_address=ADDRESS)
    with httpx.Client(base_url=base_url, transport=transport, timeout=20) as client:
        client.post(f"{AUTH}/register", json=form).raise_for_status()
        client.post(f"{AUTH}/login", json=form).raise_for_status()
        return Tokens(client.cookies["ea_access"], client.cookies["ea_refresh"], time.monotonic())


@schemathesis.auth(refresh_interval=None)
class SignedIn:
    """Somebody new, as soon as an operation has ended what the one before had."""

    present: Tokens | None = None

    def get(self, case: Any, _context: Any) -> Tokens:
        held = SignedIn.present
        if held is None or time.monotonic() - held.since > FRESH_SECONDS:
            held = SignedIn.present = sign_in(case.operation.base_url)
        return held

    def set(self, case: Any, tokens: Tokens, _context: Any) -> None:
        """As the operation declares it; those for everybody are called without."""
        ways = [name for way in case.operation.definition.raw.get("security", ()) for name in way]
        if "bearer" in ways:
            case.headers["Authorization"] = f"Bearer {tokens.access}"
        elif "refresh" in ways:
            case.cookies["ea_refresh"] = tokens.refresh


@schemathesis.hook
def after_call(_context: Any, case: Any, response: Any) -> None:
    if case.operation.definition.raw["operationId"] in ENDINGS and response.status_code < 300:
        SignedIn.present = None
