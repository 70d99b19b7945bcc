"""Traces by OTLP: sent when an endpoint is set, and no request waits for a collector."""

import gzip
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from conftest import Stack, run_stack
from processes import free_port, wait_until
from test_configuration import complete_environment, run_start

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@dataclass
class Collector:
    """Keeps what is exported to it: the path and the bytes of each call."""

    port: int
    calls: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def has(self, trace: str) -> bool:
        """Whether a span of this trace is there: in protobuf its id is 16 bytes."""
        return any(bytes.fromhex(trace) in body for _, body in self.calls)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    found = Collector(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.calls.append((self.path, gzip.decompress(b"".join(self.pieces()))))
            self.send_response(200)
            self.end_headers()

        def pieces(self) -> Iterator[bytes]:
            """The body, of a declared length or in chunks (RFC 9112, 7.1)."""
            if "Content-Length" in self.headers:
                yield self.rfile.read(int(self.headers["Content-Length"]))
                return
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def traced(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from run_stack(tmp_path_factory.mktemp("traced"), OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)


def parent_seen(answer: httpx.Response) -> list[str]:
    """The members of the `traceparent` that reached the service."""
    headers: dict[str, str] = dict(answer.json()["headers"])
    return headers.get("traceparent", "").split("-")


def test_the_service_is_told_the_trace_that_the_collector_gets(traced: Stack, collector: Collector) -> None:
    version, trace, span, _ = parent_seen(traced.client.get("/api/v1/expenses"))
    assert (version, len(trace), len(span)) == ("00", 32, 16)
    wait_until(lambda: collector.has(trace), what="exported")
    assert {path for path, _ in collector.calls} == {"/v1/traces"}


def test_a_trace_that_a_client_began_goes_on(traced: Stack, collector: Collector) -> None:
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    _, trace, span, _ = parent_seen(traced.client.get("/api/v1/expenses", headers=headers))
    assert trace == TRACE
    assert span != SPAN  # the gateway's own, whose parent is the client's
    wait_until(lambda: collector.has(TRACE), what="exported")


def test_no_span_has_what_is_private(traced: Stack, collector: Collector) -> None:
    headers = {"Authorization": "Bearer planted-token", "Cookie": "ea_access=planted-cookie"}
    answer = traced.client.get("/api/v1/expenses?q=planted-query", headers=headers)
    wait_until(lambda: collector.has(parent_seen(answer)[1]), what="exported")
    assert not [body for _, body in collector.calls if b"planted" in body]


@pytest.fixture(params=["not there", "hangs"])
def dead(request: pytest.FixtureRequest) -> Iterator[str]:
    """A collector's address at which nobody answers."""
    if request.param == "not there":
        yield f"http://127.0.0.1:{free_port()}"
        return
    with socket.create_server(("127.0.0.1", 0)) as server:  # connects, and never reads
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_collector_that_is_ill_costs_no_request(tmp_path: Path, dead: str) -> None:
    for stack in run_stack(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=dead):
        for path in ("/api/v1/expenses", "/api/v1/auth/me"):
            assert {stack.client.get(path).status_code for _ in range(50)} == {200}
        assert len(parent_seen(stack.client.get("/api/v1/expenses"))) == 4


def test_without_an_endpoint_nothing_is_traced(stack: Stack) -> None:
    assert parent_seen(stack.client.get("/api/v1/expenses")) == [""]
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    answer = stack.client.get("/api/v1/expenses", headers=headers)
    assert parent_seen(answer) == ["00", TRACE, SPAN, "01"]


@pytest.mark.parametrize("value", ["collector:4318", 'http://x"', "http://x y"])
def test_start_refuses_what_is_no_endpoint(tmp_path: Path, value: str) -> None:
    result = run_start(complete_environment(tmp_path) | {"OTEL_EXPORTER_OTLP_ENDPOINT": value})
    assert result.returncode == 2
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in result.stderr
