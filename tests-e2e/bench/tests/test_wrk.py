import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import wrk
from bench.wrk import ONCE, Load, Outcome, Request, Run, plan
from infra.local.failure import Failure

SAID = (
    'BENCH {"seconds": 2.0, "good": 10, "refused": 0, "wrong": 0, "example": "",'
    '"socket_errors": 0, "timeouts": 0, "p50_ms": 1.5, "p99_ms": 9.5}\n'
)


def test_only_good_answers_count() -> None:
    outcome = Outcome.read(f"Running 2s test\n{SAID}")
    assert (outcome.rate, outcome.p50_ms, outcome.p99_ms, outcome.faults) == (5.0, 1.5, 9.5, ())


@pytest.mark.parametrize(
    ("name", "said"),
    [("wrong", "1 answers were wrong"), ("socket_errors", "1 socket errors"), ("timeouts", "1 timeouts")],
)
def test_one_of_what_must_not_be_is_a_fault(name: str, said: str) -> None:
    faults = Outcome.read("\n" + SAID.replace(f'"{name}": 0', f'"{name}": 1')).faults
    assert len(faults) == 1
    assert faults[0].startswith(said)


def test_no_answer_at_all_is_a_fault() -> None:
    assert Outcome.read("\n" + SAID.replace('"good": 10', '"good": 0')).faults == ("no good answer",)


def test_a_run_that_did_not_begin_is_said() -> None:
    with pytest.raises(Failure, match="unable to connect"):
        Outcome.read("unable to connect to 127.0.0.1:1 Connection refused")


def test_a_request_is_whole_and_its_length_fits() -> None:
    text = Request("POST", "/x", {"Cookie": "a=b"}, '{"n": 1}').text("host:1")
    assert text == 'POST /x HTTP/1.1\r\nHost: host:1\r\nCookie: a=b\r\nContent-Length: 8\r\n\r\n{"n": 1}'


def test_no_two_runs_put_in_the_same_numbers() -> None:
    load = Load([Request("GET", "/", {})], {200: [1]})
    assert "first = 10000000," in plan(load, "host", 1)
    assert "first = 20000000," in plan(load, "host", 2)


class Server(http.server.BaseHTTPRequestHandler):
    """Answers five bytes, but four to every tenth request; keeps what it was asked."""

    protocol_version = "HTTP/1.1"
    asked: list[str] = []  # noqa: RUF012 - one server at a time
    short_at = 0

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = b"four" if self.short_at and len(self.asked) % self.short_at == 0 else b"bytes"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    Server.asked, Server.short_at = [], 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


needs_wrk = pytest.mark.skipif(
    shutil.which("wrk") is None, reason="wrk is not there (Debian: apt-get install wrk)"
)


@needs_wrk
def test_each_request_asks_for_something_new(url: str, tmp_path: Path) -> None:
    load = Load([Request("GET", f"/?day={ONCE}", {})], {200: [5]}, fresh=("date", ""))
    outcome = Run(tmp_path, url, load, connections=2, seconds=1).finish()
    assert outcome.faults == ()
    assert outcome.good > 10
    assert len(set(Server.asked)) == len(Server.asked)
    assert all(path.startswith("/?day=2") and len(path) == len("/?day=2100-01-01") for path in Server.asked)


@needs_wrk
def test_one_answer_of_another_length_is_seen(url: str, tmp_path: Path) -> None:
    Server.short_at = 7
    outcome = Run(
        tmp_path, url, Load([Request("GET", "/", {})], {200: [5]}), connections=1, seconds=1
    ).finish()
    assert outcome.good > 0
    assert "200 with 4 bytes" in outcome.faults[0]


def test_without_wrk_the_bench_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Failure, match="apt-get install wrk"):
        wrk.require()
