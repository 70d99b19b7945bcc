"""Sizes and speeds of request bodies."""

import socket
from collections.abc import Iterator

import httpx
import pytest
from conftest import Stack
from processes import wait_until
from wire import exchange, parse, read_all, request

MIB = 2**20
WRITES = ["/api/v1/auth/login", "/api/v1/auth/me", "/api/v1/expenses", "/api/v1/categories/food"]


def pieces(size: int) -> Iterator[bytes]:
    """A body that httpx sends chunked, without a declared length."""
    for _ in range(size // 65536):
        yield b"x" * 65536
    yield b"x" * (size % 65536)


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_2_mib_of_json_is_a_413_problem(stack: Stack, path: str, *, chunked: bool) -> None:
    before = stack.everything_seen()
    content = pieces(2 * MIB) if chunked else b"x" * (2 * MIB)
    headers = {"Content-Type": "application/json", "X-Request-ID": "rid-413"}
    answer = stack.client.post(path, content=content, headers=headers)
    document = answer.json()
    assert (answer.status_code, document["status"], document["instance"]) == (413, 413, path)
    assert (answer.headers["x-request-id"], document["request_id"]) == ("rid-413", "rid-413")
    assert stack.everything_seen() == before


@pytest.mark.parametrize(
    ("path", "limit"), [("/api/v1/expenses", MIB), ("/api/v1/auth/me", MIB), ("/api/v1/expenses/bulk", 8 * MIB)]
)
@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_the_limit_is_exact(stack: Stack, path: str, limit: int, *, chunked: bool) -> None:
    def post(size: int) -> httpx.Response:
        return stack.client.post(path, content=pieces(size) if chunked else b"x" * size)

    assert post(limit).json()["body_bytes"] == limit
    assert post(limit + 1).status_code == 413


@pytest.mark.parametrize(
    ("size", "status"),
    [
        (67108865, 413),
        (67108999, 413),
        (67109000, 413),
        (67110000, 413),
        (67200000, 413),
        (68000000, 413),
        (70000000, 413),
        (100000000, 413),
        (10**15, 413),
        (67108864, 200),
        (67099999, 200),
        (66999999, 200),
        (9999999, 200),
    ],
)
def test_declared_import_above_64_mib_is_413_before_it_is_read(stack: Stack, size: int, status: int) -> None:
    """What is let through is seen by the service at once, although nothing of the body was sent."""
    before = len(stack.expenses.seen())
    head = request("/api/v1/expenses/import", f"Content-Length: {size}", method="POST")
    if status == 413:
        answer = exchange(stack.port, head)
        assert (answer.status, answer.json()["instance"]) == (413, "/api/v1/expenses/import")
        assert len(stack.expenses.seen()) == before
    else:
        with socket.create_connection(("127.0.0.1", stack.port)) as connection:
            connection.sendall(head)
            wait_until(lambda: len(stack.expenses.seen()) == before + 1, what="seen by the service")


def test_import_streams_and_the_service_stops_what_declares_no_length(stack: Stack) -> None:
    """The service's own 413 comes through as it is, and the connection ends with it."""
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 1024 * MIB:
            sent += 65536
            yield b"x" * 65536

    answer = stack.client.post("/api/v1/expenses/import", content=endless())
    assert (answer.status_code, answer.json()["detail"]) == (413, "own")
    assert sent < 512 * MIB


def test_import_is_not_held_back(stack: Stack) -> None:
    """The service has the first bytes while the last are still to come."""
    head = request("/api/v1/expenses/import", "Content-Length: 2000", method="POST", body=b"x" * 1000)
    with socket.create_connection(("127.0.0.1", stack.port), timeout=5) as connection:
        connection.sendall(head)
        wait_until(lambda: stack.expenses.control()["received"] == 1000, what="half of the body at the service")
        connection.sendall(b"x" * 1000)
        assert parse(read_all(connection)).json() == {"created": 2000}


@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/api/v1/expenses", "/api/v1/expenses/bulk"])
def test_a_slow_write_is_held_until_it_is_whole(stack: Stack, path: str) -> None:
    before = stack.everything_seen()
    with socket.create_connection(("127.0.0.1", stack.port), timeout=5) as connection:
        connection.sendall(request(path, "Content-Length: 2000", method="POST", body=b"x" * 1000))
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        assert stack.everything_seen() == before
        connection.settimeout(5)
        connection.sendall(b"x" * 1000)
        assert parse(read_all(connection)).json()["body_bytes"] == 2000


def test_expect_100_continue(stack: Stack) -> None:
    head = request("/api/v1/expenses", "Content-Length: 2", "Expect: 100-continue", method="POST")
    with socket.create_connection(("127.0.0.1", stack.port), timeout=5) as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 100")
        connection.sendall(b"{}")
        assert parse(read_all(connection)).json()["body_bytes"] == 2
