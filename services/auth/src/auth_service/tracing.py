"""Spans of requests and of what they ask Postgres and Redis (OpenTelemetry, OTLP over HTTP).

Imported only when OTEL_EXPORTER_OTLP_ENDPOINT is set. Spans wait in memory, 2048 at most, for a
thread that sends them: a collector that is slow or gone costs spans and no request, and after the
first that could not be sent hardly any work (`collector.py`). No span holds a statement, a key, a
query or what a path is about.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from asyncpg.transaction import Transaction
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from redis.asyncio.client import Pipeline, Redis
from sqlalchemy import event
from sqlalchemy.engine import Connection, ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auth_service import SERVICE, __version__
from auth_service.collector import Watched, WhileTaken
from auth_service.direct import Direct, Statement
from auth_service.request_log import QUIET_PATHS

EXPORT_SECONDS = 2.0  # also what a collector that hangs costs the end of the process
FAILED = 500
_HEADERS = (b"traceparent", b"tracestate")
_WORD = re.compile(r"\s*([A-Za-z]+)")
_SPAN = "span"


class Tracing:
    """The spans of one process."""

    def __init__(self) -> None:
        resource = Resource.create({"service.name": SERVICE, "service.version": __version__})
        self._provider = TracerProvider(resource=resource)
        exporter = Watched(OTLPSpanExporter(timeout=EXPORT_SECONDS))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._provider.sampler = WhileTaken(self._provider.sampler, exporter)
        self.tracer = self._provider.get_tracer(SERVICE)

    @asynccontextmanager
    async def of(self, engine: AsyncEngine) -> AsyncIterator[None]:
        """Trace what goes to Postgres by `engine`, and to Redis; at the end send what waits."""
        self._follow(engine)
        try:
            with (
                self._around(Redis, "execute_command", _of_redis),
                self._around(Pipeline, "execute", _of_redis),
                self._around(Direct, "fetch", _of_direct),
                self._around(Transaction, "start", _as("BEGIN")),
                self._around(Transaction, "commit", _as("COMMIT")),
                self._around(Transaction, "rollback", _as("ROLLBACK")),
            ):
                yield
        finally:
            await asyncio.to_thread(self._provider.shutdown)

    def _begin(self, name: str, system: str) -> Span | None:
        """A span within a request; what nobody waits for has none."""
        if not trace.get_current_span().get_span_context().is_valid:
            return None
        attributes = {"db.system.name": system, "db.operation.name": name}
        return self.tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)

    def _follow(self, engine: AsyncEngine) -> None:
        def before(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
            connection.info[_SPAN] = self._begin(*_of_postgres(statement))

        def after(connection: Connection, *_: object) -> None:
            _end(connection.info.pop(_SPAN, None))

        def failed(context: ExceptionContext) -> None:
            if context.connection is not None:
                error = context.original_exception
                _end(context.connection.info.pop(_SPAN, None), error)

        event.listen(engine.sync_engine, "before_cursor_execute", before)
        event.listen(engine.sync_engine, "after_cursor_execute", after)
        event.listen(engine.sync_engine, "handle_error", failed)

    @contextmanager
    def _around(
        self, client: type[Any], method: str, named: Callable[..., tuple[str, str]]
    ) -> Iterator[None]:
        """Every call of an asynchronous method is a span until the block ends."""
        call: Callable[..., Awaitable[Any]] = getattr(client, method)

        async def traced(this: object, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - theirs
            span = self._begin(*named(*args))
            try:
                answer = await call(this, *args, **options)
            except BaseException as error:
                _end(span, error)
                raise
            _end(span)
            return answer

        setattr(client, method, traced)
        try:
            yield
        finally:
            setattr(client, method, call)


def _of_redis(command: object = "PIPELINE", *_: object) -> tuple[str, str]:
    return str(command).upper(), "redis"


def _of_postgres(statement: str, *_: object) -> tuple[str, str]:
    word = _WORD.match(statement)
    return (word[1].upper() if word else "SQL"), "postgresql"


def _of_direct(statement: Statement, *_: object) -> tuple[str, str]:
    return _of_postgres(statement.text)


def _as(name: str) -> Callable[..., tuple[str, str]]:
    """For a method that asks Postgres this one thing."""
    return lambda *_: (name, "postgresql")


def _end(span: Span | None, error: BaseException | None = None) -> None:
    if span is None:
        return
    if error is not None:  # its class: a message may quote a row
        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", type(error).__qualname__)
    span.end()


class TracedRequests:
    """Pure ASGI middleware around the telemetry, which finds the trace in `traceparent`."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracer = tracing.tracer
        self._format = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request as a span; probes are none."""
        if scope["type"] != "http" or scope["path"] in QUIET_PATHS:
            await self._app(scope, receive, send)
            return
        given = {k.decode(): v.decode("latin-1") for k, v in scope["headers"] if k in _HEADERS}
        parent = self._format.extract(given)
        with self._tracer.start_as_current_span(
            scope["method"],
            context=parent,
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            _name_trace(scope, self._format)
            try:
                await self._app(scope, receive, _noting(span, send))
            finally:
                route = getattr(scope.get("route"), "path", None)
                span.update_name(f"{scope['method']} {route or 'unmatched'}")
                span.set_attribute("http.request.method", scope["method"])
                span.set_attribute("http.route", route or "")


def _name_trace(scope: Scope, form: TraceContextTextMapPropagator) -> None:
    """Put this span in the place of its parent, for the request's log lines."""
    own: dict[str, str] = {}
    form.inject(own)
    kept = [(name, value) for name, value in scope["headers"] if name not in _HEADERS]
    scope["headers"] = [*kept, *((name.encode(), own[name].encode()) for name in own)]


def _noting(span: Span, send: Send) -> Send:
    async def note_and_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            span.set_attribute("http.response.status_code", message["status"])
            if message["status"] >= FAILED:
                span.set_status(StatusCode.ERROR)
        await send(message)

    return note_and_send
