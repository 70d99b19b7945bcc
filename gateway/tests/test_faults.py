"""Services that are down, hung, not ready, restarting; each test has servers of its own."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from conftest import Stack
from processes import Upstream, in_time, ready_gateway, running_upstream, status_of, wait_until

FIVE = 5.0
SERVICES = [("auth", "/api/v1/auth/me"), ("expenses", "/api/v1/expenses")]


def assert_problem(answer: httpx.Response, status: int, by: str, path: str) -> None:
    document = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, document["status"], document["by"]) == (status, status, by)
    assert document["instance"] == path
    assert not document["credentials"]
    assert answer.headers["x-request-id"] == document["request_id"] == "rid-f"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ("retry-after" in answer.headers) == (status == 503)


def ask(stack: Stack, path: str, method: str = "GET") -> httpx.Response:
    content = b"{}" if method == "POST" else None
    headers = {"X-Request-ID": "rid-f", "Cookie": "ea_refresh=secret", "Authorization": "Bearer secret"}
    return stack.client.request(method, path, content=content, headers=headers)


def seconds_until(stack: Stack, path: str, status: int, method: str = "GET") -> float:
    """A health check a second, three until a hung one is given up: `FIVE` at most, on a machine that has time."""
    began = time.monotonic()
    wait_until(lambda: ask(stack, path, method).status_code == status, what=f"{status} of {path}")
    return time.monotonic() - began


@pytest.mark.parametrize(("service", "path"), SERVICES)
def test_a_killed_service_is_told_by_the_other_and_heals(own_stack: Stack, service: str, path: str) -> None:
    """502 until the next health check, 503 after it; the other service and unknown paths go on all the time."""
    dead: Upstream = getattr(own_stack, service)
    other, other_path = next(pair for pair in SERVICES if pair[0] != service)

    def told() -> int:
        """The status, also of a write, while the rest goes on."""
        answers = [ask(own_stack, path, method) for method in ("GET", "POST")]
        for answer in answers:
            assert_problem(answer, answer.status_code, other, path)
        assert {answer.status_code for answer in answers} <= {502, 503}
        assert ask(own_stack, other_path).json()["service"] == other
        assert_problem(ask(own_stack, "/nowhere"), 404, other, "/nowhere")
        return answers[0].status_code

    def tried() -> bool:
        dead.kill()
        began = time.monotonic()
        wait_until(lambda: told() == 503, what="known")
        known = time.monotonic() - began
        assert {told() for _ in range(20)} == {503}
        dead.restart()
        return known < 2 and seconds_until(own_stack, path, 200) < FIVE

    in_time(tried)


@pytest.mark.parametrize("path", ["/api/v1/expenses", "/api/v1/expenses/bulk", "/api/v1/expenses/import"])
def test_a_service_that_is_not_ready_gets_nothing(own_stack: Stack, path: str) -> None:
    def tried() -> bool:
        own_stack.expenses.control(ready=0)
        gone = seconds_until(own_stack, path, 503, "POST")
        before = own_stack.expenses.seen()
        assert_problem(ask(own_stack, path, "POST"), 503, "auth", path)
        assert own_stack.expenses.seen() == before
        own_stack.expenses.control(ready=1)
        return gone < FIVE and seconds_until(own_stack, path, 200, "POST") < FIVE

    in_time(tried)


def test_both_not_ready_are_still_problems(own_stack: Stack) -> None:
    """One database server behind both: they are alive, and tell."""
    own_stack.auth.control(ready=0)
    own_stack.expenses.control(ready=0)
    for _, path in SERVICES:
        seconds_until(own_stack, path, 503)
    assert_problem(ask(own_stack, "/api/v1/expenses"), 503, "auth", "/api/v1/expenses")
    assert_problem(ask(own_stack, "/api/v1/auth/me"), 503, "expenses", "/api/v1/auth/me")
    assert_problem(ask(own_stack, "/nowhere"), 404, "auth", "/nowhere")


def test_both_down_is_a_status_without_a_document(own_stack: Stack) -> None:
    own_stack.auth.kill()
    own_stack.expenses.kill()
    for _, path in SERVICES:
        seconds_until(own_stack, path, 503)
    assert ask(own_stack, "/nowhere").status_code == 404
    assert status_of(f"{own_stack.gateway.url}/healthz") == 200


@pytest.mark.parametrize(("service", "path"), SERVICES)
def test_a_hung_service_is_504_then_503_and_heals(own_stack: Stack, service: str, path: str) -> None:
    """Stopped in its tracks: the request in flight ends at the answer's time-out (2 s here)."""
    hung: Upstream = getattr(own_stack, service)
    other = next(name for name, _ in SERVICES if name != service)

    def tried() -> bool:
        began = time.monotonic()
        hung.process.send_signal(signal.SIGSTOP)
        answer = ask(own_stack, path)
        assert answer.status_code in {503, 504}  # the first one when a health check came before
        assert_problem(answer, answer.status_code, other, path)
        told = time.monotonic() - began
        gone = seconds_until(own_stack, path, 503)
        assert_problem(ask(own_stack, path, "POST"), 503, other, path)
        hung.process.send_signal(signal.SIGCONT)
        back = seconds_until(own_stack, path, 200)
        return answer.status_code == 504 and max(told, gone, back) < FIVE

    in_time(tried)


def test_one_route_that_hangs_is_504_while_others_answer(own_stack: Stack) -> None:
    assert_problem(ask(own_stack, "/api/v1/expenses/hang"), 504, "auth", "/api/v1/expenses/hang")
    assert ask(own_stack, "/api/v1/expenses").status_code == 200


@pytest.mark.parametrize("doomed", [0, 1])
def test_a_killed_replica_costs_no_request(tmp_path: Path, doomed: int) -> None:
    """What was not received is sent again, to the other replica."""
    with (
        running_upstream("auth") as auth,
        running_upstream("expenses") as one,
        running_upstream("expenses") as two,
        ready_gateway(tmp_path, auth.url, f"{one.url} {two.url}") as gateway,
        httpx.Client(base_url=gateway.url, timeout=15) as client,
    ):
        ports = {one.port, two.port}
        for _ in range(10):
            assert client.get("/api/v1/expenses").status_code == 200
        assert all(len(replica.seen()) == 5 for replica in (one, two))
        (one, two)[doomed].kill()
        statuses = [client.post("/api/v1/expenses", content=b"{}").status_code for _ in range(40)]
        assert statuses == [200] * 40, ports


@pytest.mark.parametrize("doomed", [0, 1])
def test_a_hung_replica_is_out_of_rotation_within_five_seconds_and_back(tmp_path: Path, doomed: int) -> None:
    """Until the health check gives it up, what went to it is 504 and never sent again."""
    with (
        running_upstream("auth") as auth,
        running_upstream("expenses") as one,
        running_upstream("expenses") as two,
        ready_gateway(tmp_path, auth.url, f"{one.url} {two.url}", GATEWAY_ANSWER_SECONDS="0.3") as gateway,
        httpx.Client(base_url=gateway.url, timeout=15) as client,
    ):
        hung, other = (one, two) if doomed == 0 else (two, one)

        def tried() -> bool:
            seen = len(other.seen())
            hung.process.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            told = [client.post("/api/v1/expenses", content=b"{}").status_code for _ in range(4)]
            assert set(told) <= {200, 504}
            wait_until(lambda: runs_of(client, 10) == {200}, what="out of rotation")
            gone = time.monotonic() - began
            assert len(other.seen()) - seen >= 10 + told.count(200)
            hung.process.send_signal(signal.SIGCONT)
            before = len(hung.seen())
            wait_until(lambda: runs_of(client, 2) == {200} and len(hung.seen()) > before + 2, what="back")
            back = time.monotonic() - began - gone
            return sorted(told) == [200, 200, 504, 504] and gone < FIVE and back < FIVE

        in_time(tried)


def runs_of(client: httpx.Client, count: int) -> set[int]:
    return {client.post("/api/v1/expenses", content=b"{}").status_code for _ in range(count)}


@contextmanager
def server_that_hangs_up() -> Iterator[tuple[int, list[bytes]]]:
    """A ready service that reads each public request and closes the connection without a word."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    received = connection.recv(65536)
                    if received.startswith((b"GET /readyz", b"GET /livez")):
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    else:
                        requests.append(received)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], requests
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_what_may_have_been_received_is_never_sent_again(tmp_path: Path, method: str) -> None:
    with (
        running_upstream("auth") as auth,
        server_that_hangs_up() as (port, requests),
        ready_gateway(tmp_path, auth.url, f"http://127.0.0.1:{port}") as gateway,
    ):
        answer = httpx.request(method, f"{gateway.url}/api/v1/expenses", headers={"X-Request-ID": "rid-f"}, timeout=15)
        assert_problem(answer, 502, "auth", "/api/v1/expenses")
        assert len(requests) == 1


def test_draining_costs_no_request(own_stack: Stack, tmp_path: Path) -> None:
    """Fail `/readyz`, wait for the next health check, then stop: infra/contracts/health.md."""
    folder = tmp_path / "two"
    folder.mkdir()
    replicas = f"{own_stack.auth.url} {own_stack.expenses.url}"  # any two servers will do
    with (
        ready_gateway(folder, own_stack.auth.url, replicas) as gateway,
        httpx.Client(base_url=gateway.url, timeout=15) as client,
    ):
        own_stack.expenses.control(ready=0)

        def known() -> bool:
            answers = [client.post("/api/v1/expenses", content=b"{}") for _ in range(6)]
            assert {answer.status_code for answer in answers} == {200}
            return {answer.json()["service"] for answer in answers} == {"auth"}

        wait_until(known, what="the next health check")
        before = len(own_stack.expenses.seen())
        assert client.get("/api/v1/expenses").json()["service"] == "auth"
        assert len(own_stack.expenses.seen()) == before
        own_stack.expenses.process.send_signal(signal.SIGTERM)
        assert {client.get("/api/v1/expenses").status_code for _ in range(50)} == {200}
