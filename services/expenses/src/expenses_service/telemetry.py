"""Request ids, one JSON line a request, and the answer to errors that nobody expected.

The fields are those of `infra/contracts/log-line.md`. No line holds an address, a token, a cookie,
a query, a body or the message of an exception, which may quote any of them.
"""

import logging
import re
import sys
import time
import traceback
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Final

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict

from expenses_service import SERVICE, __version__
from expenses_service.database import sqlstate
from expenses_service.metrics import LINES_LOST, Metrics
from expenses_service.problems import plain
from expenses_service.randomness import random_block
from expenses_service.request_log import RequestLog
from expenses_service.trace_context import trace_id

REQUEST_ID = b"x-request-id"
VALID_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
CLIENT_GONE = 499  # no answer was sent: the client hung up

_served: Final[ContextVar[Mapping[str, Any]]] = ContextVar("served", default=MappingProxyType({}))
"""The state of the request that is being served, for the lines that are logged meanwhile."""

log = structlog.get_logger("expenses_service.request")


def configure_logging(level: str) -> None:
    """JSON lines on standard output, from structlog and from the libraries' loggers alike."""
    shared: list[structlog.typing.Processor] = [
        _name_request,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        _name_service,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=lambda *_: _Lines(sys.stdout),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _drop_exception],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _name_request(_: object, __: str, event: EventDict) -> EventDict:
    state = _served.get()
    known = {name: state[name] for name in ("request_id", "user_id", "session_id") if name in state}
    return {**known, **event}


class _Lines(structlog.WriteLogger):
    """What is not taken, by a full disk or a pipe whose reader has gone, costs no request."""

    def msg(self, message: str) -> None:
        """Write it whole, or count it as lost."""
        try:
            super().msg(message)
        except OSError:
            LINES_LOST.inc()

    log = debug = info = warn = warning = err = error = critical = exception = msg


def _name_service(_: object, __: str, event: EventDict) -> EventDict:
    event["service"] = SERVICE
    event["version"] = __version__
    return event


def _drop_exception(_: object, __: str, event: EventDict) -> EventDict:
    event.pop("exc_info", None)
    return event


def identify(scope: Scope, user_id: str, session_id: str) -> None:
    """Say who the request is from, for its log lines."""
    scope["state"]["user_id"] = user_id
    scope["state"]["session_id"] = session_id


class Telemetry:
    """Pure ASGI middleware around everything but the server itself."""

    def __init__(self, app: ASGIApp, metrics: Metrics, requests: RequestLog) -> None:
        self._app = app
        self._metrics = metrics
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; an exception that gets here is logged and answered with a 500."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope["headers"])
        state = scope.setdefault("state", {})
        state["request_id"] = request_id.decode()
        state["trace_id"] = trace_id(scope["headers"])
        _served.set(state)
        started = time.perf_counter()
        status = CLIENT_GONE

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID, request_id)]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            log.debug("client_gone")
        except Exception as error:  # noqa: BLE001 - the last place that can answer
            scope["state"]["cause"] = _log_unexpected(error)
            if status == CLIENT_GONE:
                await plain(500, Request(scope))(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path_format", None)
            self._metrics.observe(scope["method"], route, status, seconds)
            self._requests.write(scope, route, status, seconds)


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The first one that is sent, if it is valid, else a new one."""
    for name, value in headers:
        if name == REQUEST_ID:
            return value if VALID_REQUEST_ID.fullmatch(value) else _new_id()
    return _new_id()


def _new_id() -> bytes:
    return random_block().hex().encode()


def _log_unexpected(error: Exception) -> str:
    """Class, SQLSTATE and places, not the message; the first two are returned.

    The places are ours and the last one: between them a library may have dozens.
    """
    state = sqlstate(error)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames[:-1] if "site-packages" not in frame.filename]
    log.error(
        "unexpected_error",
        error=type(error).__qualname__,
        sqlstate=state,
        places=[
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in (*ours[-12:], *frames[-1:])
        ],
    )
    return " ".join(filter(None, (type(error).__qualname__, state)))
