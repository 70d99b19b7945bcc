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

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from expenses_service.collector import PAUSE_SECONDS
from expenses_service.settings import Settings
from tests.conftest import client_of, running
from tests.expense_calls import made
from tests.tokens import SigningKey, access_claims, user_id
from tests.waiting import until

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


def lines(output: str) -> list[dict[str, object]]:
    """Those that end requests."""
    found = [json.loads(line) for line in output.splitlines()]
    return [line for line in found if line["event"] == "request"]


def systems(spans: list[Span]) -> set[str]:
    return {attributes(span).get("db.system.name", "none") for span in spans}


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ({"kind": "expense"}, {"postgresql": "SELECT", "redis": "GET"}),
        ({"q": "planted"}, {"postgresql": "SELECT", "redis": "GET"}),
        ({}, {"postgresql": "SELECT"}),  # carried forward
    ],
)
async def test_a_read_is_one_trace_to_postgres_and_redis(
    settings: Settings,
    signing_key: SigningKey,
    collector: Collector,
    capsys: pytest.CaptureFixture[str],
    query: dict[str, str],
    asked: dict[str, str],
) -> None:
    token = signing_key.token(access_claims(user_id(1)))
    async with running(settings) as app, client_of(app, token) as client:
        await client.get("/api/v1/expenses", params=query)  # of what comes once Redis is not asked
        await made(client)
        await client.get("/api/v1/expenses", params=query, headers=HEADERS)
    assert [line["trace_id"] for line in lines(capsys.readouterr().out)].count(TRACE) == 1
    spans = collector.spans()
    (root,) = [span for span in spans if span.name == "GET /api/v1/expenses"]
    assert root.parent_span_id.hex() == PARENT
    below = [span for span in spans if span.parent_span_id == root.span_id]
    assert systems(below) == set(asked)
    assert set(asked.values()) <= {span.name for span in below}
    for private in (b"planted", str(user_id(1)).encode(), b"WHERE"):
        assert not [body for body in collector.bodies if private in body]


async def test_an_import_tells_of_its_copy_and_of_the_ends_of_its_transaction(
    settings: Settings, signing_key: SigningKey, collector: Collector
) -> None:
    token = signing_key.token(access_claims(user_id(1)))
    rows = b"amount,currency,description\n1.00,EUR,planted\n"
    headers = HEADERS | {"Content-Type": "text/csv"}
    async with running(settings) as app, client_of(app, token) as client:
        answer = await client.post("/api/v1/expenses/import", content=rows, headers=headers)
    assert answer.json()["created"] == 1
    spans = sorted(collector.spans(), key=lambda span: span.start_time_unix_nano)
    (root,) = [span for span in spans if span.name == "POST /api/v1/expenses/import"]
    told = [span.name for span in spans if span.parent_span_id == root.span_id]
    assert (told[0], told[-1], told.count("COPY")) == ("BEGIN", "COMMIT", 1)
    assert not [body for body in collector.bodies if b"planted" in body]


async def test_without_a_trace_it_begins_one_that_the_log_names(
    settings: Settings, collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(settings) as app, client_of(app) as client:
        assert (await client.get("/api/v1/nothing")).status_code == 404
        await client.get("/livez")
    (line,) = lines(capsys.readouterr().out)
    (span,) = collector.spans(str(line["trace_id"]))
    assert span.name == "GET unmatched"
    assert not [body for body in collector.bodies if b"livez" in body]


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "http://127.0.0.1:1/none"])
async def test_a_collector_that_is_not_there_costs_no_request(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv(ENDPOINT, endpoint)
    async with running(settings) as app, client_of(app) as client:
        answers = [await client.get("/api/v1/currencies") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize("collector", ["refuses", "hangs"], indirect=True)
async def test_a_collector_that_is_ill_costs_no_request_and_no_end(
    settings: Settings, collector: Collector
) -> None:
    async with asyncio.timeout(20):  # of which the end, with what waits, takes two
        async with running(settings) as app, client_of(app) as client:
            answers = [await client.get("/api/v1/currencies") for _ in range(20)]
            assert {answer.status_code for answer in answers} == {200}
    assert collector.bodies, "it was asked"


async def test_while_the_collector_takes_nothing_no_span_is_made_for_it(
    settings: Settings, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And when it does again, they come."""
    now = 0.0
    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr("expenses_service.collector.time", clock)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")  # milliseconds between two batches
    collector.status = 400  # which is final, where it sends again after a 500
    async with running(settings) as app, client_of(app) as client:

        async def spans_come() -> bool:
            before = len(collector.bodies)
            await client.get("/api/v1/currencies", headers=HEADERS)
            await asyncio.sleep(0.1)
            return len(collector.bodies) > before

        async def none_come() -> bool:
            return not await spans_come()

        await until(spans_come)
        await until(none_come)  # and those that were under way have come
        assert await none_come()
        collector.status = 200
        now += PAUSE_SECONDS
        for _ in range(3):
            await until(spans_come)


def test_who_has_no_collector_loads_nothing_that_sends() -> None:
    """The rest of OpenTelemetry is loaded by redis as soon as it is installed."""
    sends = [
        "expenses_service.tracing",
        "opentelemetry.exporter.otlp",
        "requests",
        "google.protobuf",
    ]
    script = f"import sys; import expenses_service.app; print(*set({sends}) & set(sys.modules))"
    command = [sys.executable, "-c", script]
    environment = {"PYTHONPATH": "src"}
    assert subprocess.check_output(command, env=environment, text=True) == "\n"
