"""Request ids, one JSON line a request, and the answer to errors that nobody expected.

The fields are those of `infra/contracts/log-line.md`. No line holds an address, a token, a cookie,
a query, a body or the message of an exception, which may quote any of them.
"""

import logging
import re
import sys
import time
import traceback
from collections.abc import Iterable
from uuid import uuid4

import structlog
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict

from auth_service import SERVICE, __version__, deadline
from auth_service.database import sqlstate
from auth_service.metrics import LINES_LOST, Metrics
from auth_service.problems import plain
from auth_service.request_log import RequestLog
from auth_service.trace_context import trace_id

REQUEST_ID = b"x-request-id"
VALID_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
CLIENT_GONE = 499  # no answer was sent: the client hung up

log = structlog.get_logger("auth_service.request")


def configure_logging(level: str) -> None:
    """JSON lines on standard output, from structlog and from the libraries' loggers alike."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
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


def identify(request: HTTPConnection, user_id: object, session_id: object) -> None:
    """Say who the request is from, for its log lines."""
    who = {"user_id": str(user_id), "session_id": str(session_id)}
    request.scope["state"].update(who)
    structlog.contextvars.bind_contextvars(**who)


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
        header = _request_id(scope["headers"])
        request_id = header.decode()
        scope.setdefault("state", {})["request_id"] = request_id
        scope["state"]["trace_id"] = trace_id(scope["headers"])
        deadline.begin()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        status = CLIENT_GONE

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID, header)]
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
            route = getattr(scope.get("route"), "path", None)
            self._metrics.observe(scope["method"], route, status, seconds)
            self._requests.write(scope, route, status, seconds)


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The first one that is sent, if it is valid, else a new one."""
    given = next((value for name, value in headers if name == REQUEST_ID), b"")
    return given if VALID_REQUEST_ID.fullmatch(given) else uuid4().hex.encode()


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
