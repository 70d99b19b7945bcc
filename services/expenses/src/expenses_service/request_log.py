"""The line that ends each request (infra/contracts/log-line.md).

There is one for every request and its members are known, so it is put together here and leaves with
others: a line of structlog takes 11 µs, and a write to the system for itself.
"""

import asyncio
import logging
import sys
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted
from typing import Final

from starlette.types import Scope

from expenses_service import SERVICE, __version__

FLUSH_SECONDS: Final = 0.1
QUIET_PATHS: Final = frozenset({"/livez", "/readyz", "/metrics"})

_END: Final = f'"service": {quoted(SERVICE)}, "version": {quoted(__version__)}}}\n'


class RequestLog:
    """Lines on standard output, of requests of which the log is to tell at `level`."""

    def __init__(self, level: str) -> None:
        least = logging.getLevelNamesMapping()[level.upper()]
        self._debug = least <= logging.DEBUG
        self._info = least <= logging.INFO
        self._file = sys.stdout
        self._lines: list[str] = []

    def write(self, scope: Scope, route: str | None, status: int, seconds: float) -> None:
        """Tell of a request that took `seconds`; those that probes make are of level debug."""
        quiet = scope["path"] in QUIET_PATHS
        if not (self._debug if quiet else self._info):
            return
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        state = scope["state"]
        self._lines.append(
            f'{{"method": {quoted(scope["method"])}, "route": {_or_null(route)},'
            f' "path": {quoted(scope["path"])}, "status": {status},'
            f' "duration_ms": {seconds * 1000:.3f}, "user_id": {_or_null(state.get("user_id"))},'
            f' "session_id": {_or_null(state.get("session_id"))},'
            f' "trace_id": {_or_null(state["trace_id"])},'
            f' "problem": {_or_null(state.get("problem"))},'
            f' "cause": {_or_null(state.get("cause"))}, "event": "request",'
            f' "request_id": {quoted(state["request_id"])},'
            f' "level": "{"debug" if quiet else "info"}", "ts": "{_now()}", {_END}'
        )

    def flush(self) -> None:
        """Write all lines that wait, each whole; also when the service stops."""
        lines, self._lines = self._lines, []
        self._file.write("".join(lines))
        self._file.flush()


def _or_null(value: str | None) -> str:
    return "null" if value is None else quoted(value)


def _now() -> str:
    return datetime.now(UTC).isoformat()[:-6] + "Z"
