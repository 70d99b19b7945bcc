"""The load of the other tests: what a slow moment holds up is made up for, what is slow for good is told."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

from infra.local import steady
from infra.local.steady import CLIENTS, Load

RATE = 50.0  # little work, also where server and clients are one process
ENOUGH_SHARE = 0.9


class Server:
    """Answers everything, after so many seconds, and not while it is held."""

    def __init__(self) -> None:
        self.free, self.waits, self.seconds = Event(), Event(), 0.0
        self.free.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if not outer.free.is_set():
                    outer.waits.set()
                outer.free.wait(60)
                time.sleep(outer.seconds)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(steady, "RATE", RATE)
    server = Server()
    thread = Thread(target=server.http.serve_forever, args=[0.01])
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


def test_what_a_slow_moment_held_up_is_sent_after_it(server: Server) -> None:
    load = Load(server.http.server_port, {})
    with load.running():
        server.free.clear()
        assert server.waits.wait(20)
        time.sleep(1)
        server.free.set()
    assert load.failed == {}
    assert load.share > ENOUGH_SHARE
    assert load.longest > 1, "how long one of them has waited"
    assert len(load.outcomes) == len(steady.REQUESTS)


def test_what_cannot_keep_up_is_told_by_the_share(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "PATIENCE_SECONDS", 1.0)
    server.seconds = 2 * CLIENTS / RATE  # so that all together are half as fast as they should be
    load = Load(server.http.server_port, {})
    with load.running():
        time.sleep(1)
    assert load.failed == {}
    assert load.share < ENOUGH_SHARE
    assert load.seconds > 2, "it was waited for"
