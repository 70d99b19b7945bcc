"""Limits per address and on time. `patient` has the project's files with 60 s shortened to 2."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import httpx
import pytest
from conftest import Stack
from processes import Gateway, Upstream, edited_copy, in_time, running_gateway, status_of, wait_until
from wire import parse, read_all, request

AT_ONCE = 16
EACH = 25


@pytest.fixture(scope="module")
def patient(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("patient")
    edits = ("readTimeout: 60s", "readTimeout: 2s"), ("idleTimeout: 60s", "idleTimeout: 2s")
    source = edited_copy(folder, "traefik.yml", *edits)
    with running_gateway(folder, stack.auth.url, stack.expenses.url, source) as gateway:
        wait_until(lambda: status_of(f"{gateway.url}/healthz") == 200, what="routes loaded")
        yield gateway


def drip(connection: socket.socket, data: bytes, stopped: threading.Event) -> None:
    """Send a byte every 100 ms until the connection is closed."""
    for byte in data:
        if stopped.wait(0.1):
            return
        try:
            connection.sendall(bytes([byte]))
        except OSError:
            return


def closed_in_time(port: int, at_once: bytes, slowly: bytes) -> bytes:
    """What came until it was closed, two seconds after it began."""
    received = b""

    def tried() -> bool:
        nonlocal received
        seconds, received = seconds_until_closed(port, at_once, slowly)
        assert seconds > 1.5
        return seconds < 4

    in_time(tried)
    return received


def seconds_until_closed(port: int, at_once: bytes, slowly: bytes) -> tuple[float, bytes]:
    began = time.monotonic()
    stopped = threading.Event()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(at_once)
        sender = threading.Thread(target=drip, args=(connection, slowly, stopped))
        sender.start()
        received = read_all(connection)
        stopped.set()
        sender.join()
    return time.monotonic() - began, received


def test_slow_head_is_cut(patient: Gateway) -> None:
    closed_in_time(patient.port, b"GET /api/v1/expenses HTTP/1.1\r\nX-A: ", b"a" * 100)


def test_slow_body_of_a_write_is_cut_and_the_service_never_knows(patient: Gateway, stack: Stack) -> None:
    """499 is Traefik's own word for it, in plain text."""
    before = stack.everything_seen()
    head = request("/api/v1/expenses", "Content-Length: 1000", method="POST")
    received = closed_in_time(patient.port, head, b"x" * 100)
    assert parse(received).status == 499
    assert stack.everything_seen() == before


def test_slow_import_is_cut(patient: Gateway) -> None:
    head = request("/api/v1/expenses/import", "Content-Length: 1000", method="POST")
    received = closed_in_time(patient.port, head, b"x" * 100)
    assert b" 200 " not in received


def test_idle_connection_is_closed(patient: Gateway) -> None:
    head = request("/api/v1/currencies").replace(b"Connection: close\r\n", b"")
    assert closed_in_time(patient.port, head, b"").startswith(b"HTTP/1.1 200")


def test_a_slow_reader_is_not_cut(patient: Gateway, stack: Stack) -> None:
    """An export goes on for as long as the client reads: here longer than every time-out above."""
    stack.expenses.control(release=1)
    with httpx.stream("GET", f"{patient.url}/api/v1/expenses/stream", timeout=10) as answer:
        size = 0
        for number, piece in enumerate(answer.iter_raw(65536)):
            size += len(piece)
            if number < 30:
                time.sleep(0.1)
    assert size == 640 * 65536


def test_500_slow_clients_do_not_slow_the_others(patient: Gateway) -> None:
    in_time(lambda: seconds_beside_slow_clients(patient) < 2)


def seconds_beside_slow_clients(patient: Gateway) -> float:
    with ExitStack() as connections:
        for number in range(500):  # from several addresses, since one may have no more than 500 requests
            source = (f"127.0.0.{2 + number % 5}", 0)
            connection = socket.create_connection(("127.0.0.1", patient.port), source_address=source)
            slow = connections.enter_context(connection)
            slow.sendall(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx")
        with httpx.Client(base_url=patient.url, timeout=15) as client:
            began = time.monotonic()
            assert {client.get("/api/v1/currencies").status_code for _ in range(20)} == {200}
            return time.monotonic() - began


def test_an_erasure_has_more_time_than_other_writes(own_stack: Stack) -> None:
    """Two seconds here, for all but imports, exports and the erasure of an account's data."""
    assert own_stack.client.delete("/api/v1/expenses?after=3").status_code == 200
    assert own_stack.client.delete("/api/v1/expenses/x?after=60").status_code == 504


SHORT = ["auth/hang", "expenses/hang", "expenses/summary?after=60", "expenses/bulk?after=60", "categories/x?after=60"]
FILES = {"export?after=9": 200, "archive?after=9": 200, "import?after=11": 200}
FILES |= {"export?after=60": 504, "archive?after=60": 504}


def test_every_request_but_of_files_is_answered_within_five_seconds(stack: Stack) -> None:
    """A service has 4 s, so that its own refusal comes first; the first byte of an export may take 10 s."""
    wanted = [(f"/api/v1/{path}", 504, 4.2, 5) for path in SHORT]
    wanted += [(f"/api/v1/expenses/{path}", status, 0, 12) for path, status in FILES.items()]
    with ThreadPoolExecutor(len(wanted)) as threads:
        asked = [threads.submit(in_time, partial(answered, stack.client, *each)) for each in wanted]
    assert [each.exception() for each in asked] == [None] * len(wanted)


def answered(client: httpx.Client, path: str, status: int, least: float, most: float) -> bool:
    """Whether in time, and with the answer of the service where it has the time for one."""
    began = time.monotonic()
    told = client.get(path).status_code
    seconds = time.monotonic() - began
    assert told in {status, 504}, path
    assert seconds > least, path
    return told == status and seconds < most


def test_requests_in_flight_of_one_address_are_bounded(own_stack: Stack) -> None:
    """Three at most here, until their bodies are whole; one place is free again as soon as one of them ends."""
    hanging = [socket.create_connection(("127.0.0.1", own_stack.port), timeout=10) for _ in range(3)]
    for connection in hanging:
        connection.sendall(request("/api/v1/expenses/import", "Content-Length: 1", method="POST"))
    wait_until(lambda: len(own_stack.expenses.seen()) == 3, what="three in flight")
    assert own_stack.client.get("/api/v1/auth/me").status_code == 429
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Real-Ip": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    assert own_stack.client.get("/api/v1/auth/me", headers=forged).status_code == 429
    assert own_stack.auth.seen() == []
    with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2")) as other_address:
        assert other_address.get(f"{own_stack.gateway.url}/api/v1/auth/me").status_code == 200
    for connection in hanging:
        connection.sendall(b"x")
        assert parse(read_all(connection)).status == 200
        connection.close()
    assert own_stack.client.get("/api/v1/auth/me").status_code == 200


def test_requests_that_were_given_up_leave_their_places(own_stack: Stack) -> None:
    """As many as may be in flight, each until its 504 after 2 s."""
    for _ in range(2):
        with ThreadPoolExecutor(3) as threads:
            told = list(threads.map(own_stack.client.get, ["/api/v1/expenses/hang"] * 3))
        assert [answer.status_code for answer in told] == [504] * 3
    assert own_stack.client.get("/api/v1/auth/me").status_code == 200


@pytest.mark.parametrize("service", ["auth", "expenses"])
def test_connections_to_a_service_are_used_again(stack: Stack, service: str) -> None:
    """Also those of many requests at once."""
    upstream: Upstream = getattr(stack, service)
    path = {"auth": "/api/v1/auth/me", "expenses": "/api/v1/expenses"}[service]

    def ask_often(_: int) -> set[int]:
        with httpx.Client(base_url=stack.gateway.url, timeout=15) as client:
            return {client.get(path).status_code for _ in range(EACH)}

    before = upstream.control()["connections"]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert set().union(*pool.map(ask_often, range(AT_ONCE))) == {200}
    after = upstream.control()["connections"]
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert after - before <= 2 * AT_ONCE < EACH * AT_ONCE / 4
