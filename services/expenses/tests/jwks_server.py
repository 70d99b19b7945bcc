"""A real small HTTP server in the place of auth, which can be told to misbehave."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class JwksServer:
    """Serves `body` with `status`; counts connections, requests and the paths asked for.

    With an `ETag` among `headers` it answers 304 to who names it. `delay` cleared, it hangs before
    its answer; with `drip`, it waits so many seconds after each byte of the body. The first
    `faults` answers are 503.
    """

    def __init__(self, body: bytes = b"", status: int = 200) -> None:
        self.body = body
        self.status = status
        self.headers: dict[str, str] = {"Content-Type": "application/json"}
        self.paths: list[str] = []
        self.conditions: list[str | None] = []
        self.times: list[float] = []
        self.ends: list[float] = []
        self.connections = 0
        self.drip = 0.0
        self.faults = 0
        self.delay = threading.Event()
        self.delay.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """The address of the key set."""
        return f"http://127.0.0.1:{self._server.server_port}/.well-known/jwks.json"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.delay.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, tag: str | None) -> tuple[int, bytes]:
        """Status and body of the next answer, to one who names `tag`."""
        if self.faults:
            self.faults -= 1
            return 503, b""
        held = self.status == 200 and tag is not None and tag == self.headers.get("ETag")
        return (304, b"") if held else (self.status, self.body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                outer.connections += 1

            def do_GET(self) -> None:
                tag = self.headers["If-None-Match"]
                outer.paths.append(self.path)
                outer.conditions.append(tag)
                outer.times.append(time.monotonic())
                outer.delay.wait()
                status, body = outer.answer(tag)
                self.send_response(status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                if status not in {204, 304}:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self._write(body)
                except OSError:  # the reader had enough and hung up
                    self.close_connection = True
                outer.ends.append(time.monotonic())

            def _write(self, body: bytes) -> None:
                if not outer.drip:
                    self.wfile.write(body)
                    return
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(outer.drip)

            def log_message(self, *_: object) -> None:
                """Say nothing on stderr."""

        return Handler
