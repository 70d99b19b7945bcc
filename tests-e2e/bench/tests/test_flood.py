import http.server
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.connections import Connection, Pauses, Plan, Results, drive, percentile
from bench.flood import Flood, plan
from bench.wrk import ONCE, Load, Request

GET = Request("GET", "/", {})
ANSWER = Load([GET], {200: [5]})


class Server(http.server.BaseHTTPRequestHandler):
    """Answers what it is told to; keeps what it was asked, and when."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or what is written in pieces comes in one
    status: int | str = 200
    body, length, pieces, wait = b"bytes", 5, 1, 0.0
    asked: list[tuple[float, str]] = []  # noqa: RUF012 - one server at a time

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer()

    def answer(self) -> None:
        self.asked.append((time.monotonic(), self.path))
        time.sleep(self.wait)
        head = f"HTTP/1.1 {self.status} So\r\n" + (
            f"content-length: {self.length}\r\n\r\n" if self.length >= 0 else "X: y\r\n\r\n"
        )
        whole = head.encode() + self.body
        size = -(-len(whole) // self.pieces)
        for start in range(0, len(whole), size):
            self.wfile.write(whole[start : start + size])
            self.wfile.flush()
            time.sleep(0.002 if self.pieces > 1 else 0)
        self.close_connection = self.status == 418

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[type[Server]]:
    class Own(Server):
        asked: list[tuple[float, str]] = []  # noqa: RUF012 - this test's

    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Own)
    serving.daemon_threads = True
    Own.port = serving.server_address[1]  # type: ignore[attr-defined]
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield Own
    serving.shutdown()
    thread.join()
    serving.server_close()


def planned(
    server: type[Server],
    load: Load = ANSWER,
    *,
    connections: int = 1,
    seconds: float = 1,
    pause_ms: int = 1,
) -> Plan:
    url = f"http://127.0.0.1:{server.port}"  # type: ignore[attr-defined]
    return Plan.read(plan(replace(load, pause_ms=pause_ms), url, 7, connections=connections, seconds=seconds))


def test_it_runs_by_itself_and_says_what_wrk_says(server: type[Server], tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{server.port}"  # type: ignore[attr-defined]
    flood = Flood(tmp_path, url, replace(ANSWER, pause_ms=10), connections=3, seconds=1)
    outcome = flood.finish()
    flood.close()
    assert outcome.faults == ()
    assert 30 < outcome.good <= len(server.asked)
    assert 0 < outcome.p50_ms <= outcome.p99_ms
    assert (outcome.refused, outcome.refused_p95_ms) == (0, None)
    assert outcome.seconds >= 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pieces", [1, 2, 7, 40])
def test_an_answer_may_come_in_pieces(server: type[Server], pieces: int) -> None:
    server.pieces = pieces
    told = drive(planned(server))
    assert told["good"] > 1
    assert (told["wrong"], told["socket_errors"], told["timeouts"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("status", "body", "length", "example"),
    [
        (200, b"four", 4, "200 with 4 bytes"),
        (500, b"bytes", 5, "500 with 5 bytes"),
        (200, b"bytes and more", 5, "more than was declared"),
        (200, b"bytes", -1, "no status or length, b'HTTP/1.1 200 So\\r\\nX: y\\r\\n\\r\\n'"),
        ("x", b"bytes", 5, "no status or length, b'HTTP/1.1 x So\\r\\ncontent-length: 5\\r\\n\\r\\n'"),
    ],
)
def test_a_wrong_answer_is_seen(
    server: type[Server], status: int | str, body: bytes, length: int, example: str
) -> None:
    server.status, server.body, server.length = status, body, length
    told = drive(planned(server))
    assert told["wrong"] > 0
    assert (told["good"], told["example"]) == (0, example)


def test_half_an_answer_is_none(server: type[Server]) -> None:
    server.length = 50
    told = drive(planned(server))
    assert server.asked
    assert (told["good"], told["wrong"]) == (0, 0)


def test_a_refusal_is_neither_good_nor_wrong_and_timed(server: type[Server]) -> None:
    server.status, server.wait = 429, 0.02
    told = drive(planned(server, replace(ANSWER, refusals=(429,))))
    assert told["refused"] > 1
    assert (told["good"], told["wrong"]) == (0, 0)
    assert told["refused_p95_ms"] >= 20


def test_a_broken_connection_is_a_fault(server: type[Server]) -> None:
    server.status = 418
    told = drive(planned(server, Load([GET], {418: [5]}), connections=2))
    assert (told["good"], told["socket_errors"]) == (2, 2)


def test_a_request_that_cannot_be_sent_is_a_fault(server: type[Server]) -> None:
    results = Results()
    connection = Connection(planned(server), results)
    connection.close()
    assert connection.send(b"GET / HTTP/1.1\r\n\r\n", 1.0) is False
    assert results.socket_errors == 1


@pytest.mark.parametrize(("wait", "answered"), [(5, False), (0.2, True)])
def test_who_waits_too_long_is_a_fault(
    server: type[Server], monkeypatch: pytest.MonkeyPatch, *, wait: float, answered: bool
) -> None:
    monkeypatch.setattr("bench.connections.LATE_SECONDS", 0.1)
    server.wait = wait
    told = drive(planned(server, connections=2))
    assert told["timeouts"] >= 2
    assert (told["good"] > 0) is answered


def test_both_kinds_are_sent_and_each_number_once(server: type[Server]) -> None:
    load = Load(
        [Request("GET", "/read", {})], {200: [5]}, others=[Request("POST", f"/write/{ONCE}", {}, "{}")],
        tenths=5, fresh=("", "number"),
    )  # fmt: skip
    assert drive(planned(server, load, connections=4))["wrong"] == 0
    paths = [path for _, path in server.asked]
    written = [path for path in paths if path != "/read"]
    assert 0 < len(written) < len(paths)
    assert len(set(written)) == len(written)
    assert all(path.startswith("/write/007") and len(path) == len("/write/") + 10 for path in written)


def test_a_load_with_dates_is_not_taken(server: type[Server]) -> None:
    with pytest.raises(ValueError, match="no dates"):
        planned(server, replace(ANSWER, fresh=("date", "")))


def test_a_connection_pauses_after_each_answer(server: type[Server]) -> None:
    drive(planned(server, pause_ms=20, seconds=1))
    times = [at for at, _ in server.asked]
    assert 5 < len(times) <= 1.5 * 1000 / 20  # one that does not pause asks thousands of times


def test_pauses_are_as_long_as_they_shall_be_and_end_once() -> None:
    pauses: Pauses[int] = Pauses(50)
    began = {}
    lengths: list[int] = []
    for name in range(1000):
        pauses.begin(name)
        began[name] = 0
    for now in range(1, 2000):
        for name in pauses.end(now):
            lengths.append(now - began[name])
            pauses.begin(name)
            began[name] = now
    assert 1 <= min(lengths) <= 3
    assert 98 <= max(lengths) <= 101
    assert 45 < sum(lengths) / len(lengths) < 57


def test_pauses_that_ended_meanwhile_all_end() -> None:
    pauses: Pauses[int] = Pauses(5)
    for name in range(100):
        pauses.begin(name)
    assert sorted(pauses.end(10_000)) == list(range(100))


def test_a_percentile_is_in_milliseconds() -> None:
    assert percentile([n / 1000 for n in range(1, 101)], 95) == pytest.approx(96)
    assert percentile([], 50) == 0


def test_the_plan_is_json() -> None:
    text = plan(ANSWER, "http://127.0.0.1:9/", 1, connections=1, seconds=1)
    assert json.loads(text)["lists"] == [["GET / HTTP/1.1\r\nHost: 127.0.0.1:9\r\n\r\n"]]
