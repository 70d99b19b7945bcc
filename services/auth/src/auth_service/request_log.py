"""The line that ends each request (infra/contracts/log-line.md).

There is one for every request, also for those that a flood has refused, so it is put together here
and leaves with others: structlog, and a write to the system for each, take a third of a refusal.
"""

import asyncio
import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

from starlette.types import Scope

from auth_service import SERVICE, __version__
from auth_service.metrics import LINES_LOST

FLUSH_SECONDS: Final = 0.1
QUIET_PATHS: Final = frozenset({"/livez", "/readyz", "/metrics"})
_OF_STATE: Final = ("trace_id", "problem", "cause", "user_id", "session_id", "request_id")


class RequestLog:
    """Lines on standard output, of requests of which the log is to tell at `level`."""

    def __init__(self, level: str) -> None:
        self._least = logging.getLevelNamesMapping()[level.upper()]
        self._lines: list[str] = []

    def write(self, scope: Scope, route: str | None, status: int, seconds: float) -> None:
        """Tell of a request that took `seconds`; those that probes make are of level debug."""
        quiet = scope["path"] in QUIET_PATHS
        if (logging.DEBUG if quiet else logging.INFO) < self._least:
            return
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        state = scope["state"]
        line = {
            "method": scope["method"],
            "route": route,
            "path": scope["path"],
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
            **{name: state.get(name) for name in _OF_STATE},
            "event": "request",
            "level": "debug" if quiet else "info",
            "ts": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "service": SERVICE,
            "version": __version__,
        }
        self._lines.append(json.dumps(line) + "\n")

    def flush(self) -> None:
        """Write all lines that wait, each whole; also when the service stops."""
        lines, self._lines = self._lines, []
        try:
            sys.stdout.write("".join(lines))
            sys.stdout.flush()
        except OSError:  # as in telemetry.py
            LINES_LOST.inc(len(lines))
