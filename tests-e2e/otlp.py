"""A collector of traces, and what spans say: as much of OTLP's protobuf as that takes."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Span:
    """Ids in hexadecimal digits; of `service`, in its own words."""

    service: str
    trace: str
    id: str
    parent: str
    name: str


@dataclass
class Collector:
    """Keeps what is exported to it."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)

    def tells(self, *texts: bytes) -> bool:
        """Whether one export has all of these; in protobuf a trace's id is 16 bytes."""
        return any(all(text in body for text in texts) for body in list(self.bodies))

    def spans(self, trace: str) -> list[Span]:
        """Those of one trace."""
        found = [span for body in list(self.bodies) for span in _spans(body)]
        return [span for span in found if span.trace == trace]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that answers while the block lasts."""
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


def _spans(body: bytes) -> Iterator[Span]:
    """ExportTraceServiceRequest: resource_spans = 1 { resource = 1, scope_spans = 2 { spans = 2 } }."""
    for resource_spans in _all(body, 1):
        attributes = [_members(each) for each in _all(_members(resource_spans).get(1, b""), 1)]
        names = {each[1].decode(): _members(each[2]).get(1, b"") for each in attributes}
        for scope_spans in _all(resource_spans, 2):
            for span in map(_members, _all(scope_spans, 2)):
                trace, own, parent = (span.get(number, b"").hex() for number in (1, 2, 4))
                yield Span(names["service.name"].decode(), trace, own, parent, span[5].decode())


def _all(message: bytes, number: int) -> list[bytes]:
    return [value for found, value in _fields(message) if found == number]


def _members(message: bytes) -> dict[int, bytes]:
    """The last of each field, as protobuf takes one that comes twice."""
    return dict(_fields(message))


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each field that has any (Protocol Buffers, "Encoding")."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == VARINT:
            _, at = _varint(message, at)
        elif kind == BYTES:
            size, at = _varint(message, at)
            yield key >> 3, message[at : at + size]
            at += size
        else:
            at += {FIXED64: 8, FIXED32: 4}[kind]


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where the next field begins."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
