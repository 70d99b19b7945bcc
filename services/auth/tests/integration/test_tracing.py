"""Spans of a request, of Postgres and of Redis, as a collector gets them; none waits for it."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from auth_service.collector import PAUSE_SECONDS
from auth_service.settings import Settings
from tests.actors import client_of, register, sign_in, started

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
HEADERS = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@dataclass
class Collector:
    """Keeps the spans that are exported to it."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    status: int = 200

    def spans(self, trace: str = TRACE) -> list[Span]:
        """Those of one trace."""
        calls = map(ExportTraceServiceRequest.FromString, self.bodies)
        scopes = [s for call in calls for of in call.resource_spans for s in of.scope_spans]
        found = [span for scope in scopes for span in scope.spans]
        return [span for span in found if span.trace_id.hex() == trace]


@pytest.fixture
def collector(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Collector]:
    found = Collector()
    manner, over = getattr(request, "param", "works"), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            if manner == "hangs":
                over.wait(30)
                return
            self.send_response(500 if manner == "refuses" else found.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv(ENDPOINT, found.url)
        yield found
        over.set()
        server.shutdown()
        thread.join()


def attributes(span: Span) -> dict[str, str]:
    return {each.key: each.value.string_value for each in span.attributes}


def systems(spans: list[Span]) -> set[str]:
    return {attributes(span).get("db.system.name", "none") for span in spans}


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The lines of requests."""
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in found if line["event"] == "request"]


async def test_a_sign_in_is_one_trace_to_postgres_and_redis(
    settings: Settings, collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    async with started(settings) as app, client_of(app, **HEADERS) as client:
        await sign_in(client, "ada@example.com")
    assert {line["trace_id"] for line in told(capsys)} == {TRACE}
    spans = collector.spans()
    (root,) = [span for span in spans if span.name == "POST /api/v1/auth/login"]
    assert root.parent_span_id.hex() == PARENT
    below = [span for span in spans if span.parent_span_id == root.span_id]
    assert systems(below) == {"postgresql", "redis"}
    assert {"SELECT", "PIPELINE"} <= {span.name for span in below}
    for private in (b"ada@example.com", b"session:", b"users.", b"WHERE"):
        assert not [body for body in collector.bodies if private in body]


async def test_without_a_trace_it_begins_one_that_the_log_names(
    settings: Settings, collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    async with started(settings) as app, client_of(app) as client:
        assert (await client.get("/api/v1/auth/nothing")).status_code == 404
        await client.get("/livez")
    (line,) = told(capsys)
    assert line["status"] == 404
    (span,) = collector.spans(line["trace_id"])
    assert span.name == "GET unmatched"
    assert not [body for body in collector.bodies if b"livez" in body]


async def test_what_failed_is_told_by_its_class(settings: Settings, collector: Collector) -> None:
    async with started(settings) as app, client_of(app, **HEADERS) as client:
        await register(client, "ada@example.com")
        assert (await register(client, "ada@example.com")).status_code == 409
    ends = {"BEGIN", "COMMIT", "ROLLBACK"}
    assert ends <= {span.name for span in collector.spans()}
    failed = [
        span for span in collector.spans() if span.status.code == span.status.STATUS_CODE_ERROR
    ]
    assert [attributes(span)["db.operation.name"] for span in failed] == ["INSERT"]
    assert not [body for body in collector.bodies if b"ada@example.com" in body]


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "http://127.0.0.1:1/none"])
async def test_a_collector_that_is_not_there_costs_no_request(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv(ENDPOINT, endpoint)
    async with started(settings) as app, client_of(app) as client:
        answers = [await client.get("/api/v1/auth/docs") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize("collector", ["refuses", "hangs"], indirect=True)
async def test_a_collector_that_is_ill_costs_no_request_and_no_end(
    settings: Settings, collector: Collector
) -> None:
    async with asyncio.timeout(20):  # of which the end, with what waits, takes two
        async with started(settings) as app, client_of(app) as client:
            answers = [await client.get("/api/v1/auth/docs") for _ in range(20)]
            assert {answer.status_code for answer in answers} == {200}
    assert collector.bodies, "it was asked"


async def test_while_the_collector_takes_nothing_no_span_is_made_for_it(
    settings: Settings, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And when it does again, they come."""
    now = 0.0
    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr("auth_service.collector.time", clock)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")  # milliseconds between two batches
    collector.status = 400  # which is final, where it sends again after a 500
    async with started(settings) as app, client_of(app) as client:

        async def spans_come() -> bool:
            before = len(collector.bodies)
            await client.get("/.well-known/jwks.json", headers=HEADERS)
            await asyncio.sleep(0.1)
            return len(collector.bodies) > before

        async def until_they_come() -> None:
            async with asyncio.timeout(20):
                while not await spans_come():
                    pass

        async def until_none_is_under_way() -> None:
            silent = 0
            async with asyncio.timeout(20):
                while silent < 3:
                    silent = 0 if await spans_come() else silent + 1

        await until_they_come()
        await until_none_is_under_way()
        assert not await spans_come()
        collector.status = 200
        now += PAUSE_SECONDS
        for _ in range(3):
            await until_they_come()


def test_who_has_no_collector_loads_nothing_that_sends() -> None:
    """The rest of OpenTelemetry is loaded by redis as soon as it is installed."""
    sends = ["auth_service.tracing", "opentelemetry.exporter.otlp", "google.protobuf"]
    script = f"import sys; import auth_service.app; print(*set({sends}) & set(sys.modules))"
    command = [sys.executable, "-c", script]
    environment = {"PYTHONPATH": "src"}
    assert subprocess.check_output(command, env=environment, text=True) == "\n"
