"""One trace from the gateway through a service to Postgres and Redis, on a stack that has a collector."""

import gzip
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from actors import AUTH, EXPENSES, PASSWORD, Person, eventually
from infra.local import bootstrap
from infra.local.stack import Stack

pytestmark = pytest.mark.own_stack
TRACES = {"auth": "4bf92f3577b34da6a3ce929d0e0e4736", "expenses": "5cf92f3577b34da6a3ce929d0e0e4737"}
SYSTEMS = (b"postgresql", b"redis")
PRIVATE = "xylograph"


@dataclass
class Collector:
    """Keeps what is exported to it."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)

    def tells(self, *texts: bytes) -> bool:
        """Whether one export has all of these; in protobuf a trace's id is 16 bytes."""
        return any(all(text in body for text in texts) for body in self.bodies)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = b"".join(self.pieces())
            packed = self.headers.get("Content-Encoding") == "gzip"
            found.bodies.append(gzip.decompress(body) if packed else body)
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
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_port}"
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def traced(collector: Collector) -> Iterator[Stack]:
    bootstrap.install(bootstrap.RUN, develop=False)
    data = Path(tempfile.mkdtemp(prefix="e2e-traces-"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        try:
            with Stack(data, port=0) as stack:
                yield stack
        finally:
            shutil.rmtree(data, ignore_errors=True)


def test_gateway_service_postgres_and_redis_are_one_trace(traced: Stack, collector: Collector) -> None:
    ada = Person.signed_in(traced.base_url)
    ada.record(description=PRIVATE)
    asked = {"auth": f"{AUTH}/login", "expenses": EXPENSES}
    for service, trace in TRACES.items():
        headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        if service == "auth":
            form = {"email": ada.email, "password": PASSWORD}
            assert ada.client.post(asked[service], json=form, headers=headers).status_code == 200
        else:
            assert ada.client.get(f"{EXPENSES}?q={PRIVATE}", headers=headers).status_code == 200
        number = bytes.fromhex(trace)
        eventually(lambda number=number: collector.tells(number, b"gateway"))
        for system in SYSTEMS:
            eventually(lambda s=system, number=number, of=service: collector.tells(number, of.encode(), s))
    assert not collector.tells(PRIVATE.encode())
    assert not collector.tells(ada.email.encode())
