"""The line that ends each request (infra/contracts/log-line.md).

There is one for every request and its members are known, so it is put together here, with others: a
line of structlog takes 11 µs and a write to the system for itself. One line after the other takes a
third of what each takes amid all that a request does.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import Final, NamedTuple

from starlette.types import Scope

from expenses_service import SERVICE, __version__
from expenses_service.metrics import LINES_LOST

FLUSH_SECONDS: Final = 0.025
QUIET_PATHS: Final = frozenset({"/livez", "/readyz", "/metrics"})

_END: Final = f'"service": {quoted(SERVICE)}, "version": {quoted(__version__)}}}\n'


_State = Mapping[str, str | None]


class _Served(NamedTuple):
    at: float
    method: str
    path: str
    state: _State
    route: str | None
    status: int
    seconds: float

    def line(self) -> str:
        """JSON, with its end."""
        state = self.state
        return (
            f'{{"method": {quoted(self.method)}, "route": {_or_null(self.route)},'
            f' "path": {quoted(self.path)}, "status": {self.status},'
            f' "duration_ms": {self.seconds * 1000:.3f},'
            f' "user_id": {_or_null(state.get("user_id"))},'
            f' "session_id": {_or_null(state.get("session_id"))},'
            f' "trace_id": {_or_null(state["trace_id"])},'
            f' "problem": {_or_null(state.get("problem"))},'
            f' "cause": {_or_null(state.get("cause"))}, "event": "request",'
            f' "request_id": {_or_null(state["request_id"])},'
            f' "level": "{"debug" if self.path in QUIET_PATHS else "info"}",'
            f' "ts": "{_instant(self.at)}", {_END}'
        )


class RequestLog:
    """Lines on standard output, of requests of which the log is to tell at `level`."""

    def __init__(self, level: str) -> None:
        least = logging.getLevelNamesMapping()[level.upper()]
        self._debug = least <= logging.DEBUG
        self._info = least <= logging.INFO
        self._file = sys.stdout
        self._served: list[tuple[float, str, str, _State, str | None, int, float]] = []
        """What a `_Served` is made of, once the request is over."""

    def write(self, scope: Scope, route: str | None, status: int, seconds: float) -> None:
        """Tell of a request that took `seconds`; those that probes make are of level debug."""
        path = scope["path"]
        if not (self._debug if path in QUIET_PATHS else self._info):
            return
        if not self._served:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        state = scope["state"]
        served = (time.time(), scope["method"], path, state, route, status, seconds)
        self._served.append(served)

    def flush(self) -> None:
        """Write all lines that wait, each whole; also when the service stops."""
        served, self._served = self._served, []
        try:
            self._file.write("".join([_Served._make(each).line() for each in served]))
            self._file.flush()
        except OSError:  # as in telemetry.py
            LINES_LOST.inc(len(served))


def _or_null(value: str | None) -> str:
    return "null" if value is None else quoted(value)


def _instant(at: float) -> str:
    microseconds = int(at * 1_000_000)
    return f"{_second(microseconds // 1_000_000)}.{microseconds % 1_000_000:06}Z"


@lru_cache(maxsize=2)  # lines of one second come together
def _second(since_epoch: int) -> str:
    return datetime.fromtimestamp(since_epoch, UTC).replace(tzinfo=None).isoformat()
