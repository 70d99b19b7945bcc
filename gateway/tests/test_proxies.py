"""Outer proxies that are trusted (127.0.0.2 here): what they say of their clients counts, and nobody else's word."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import Stack, run_stack
from processes import wait_until
from test_tokens import BEARER, exchanges, values
from wire import parse, read_all, request

CLIENT = "203.0.113.9"
PROXY = "127.0.0.2"


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {"GATEWAY_TRUSTED_PROXIES": f"{PROXY},::1/128,192.0.2.0/24", "GATEWAY_REQUESTS_PER_ADDRESS": "3"}
    yield from run_stack(tmp_path_factory.mktemp("behind"), **settings)


@pytest.fixture(scope="module")
def proxy(behind: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=behind.gateway.url, transport=httpx.HTTPTransport(local_address=PROXY)) as client:
        yield client


def test_the_word_of_a_trusted_proxy_is_kept(behind: Stack, proxy: httpx.Client) -> None:
    said = {"X-Forwarded-For": CLIENT, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "expenses.example"}
    answer = proxy.get("/api/v1/expenses", headers=said | BEARER | {"Forwarded": "for=198.51.100.1"})
    for report in (answer.json(), exchanges(behind)[-1]):
        assert values(report, "x-forwarded-for") == [f"{CLIENT}, {PROXY}"]
        assert values(report, "x-forwarded-proto") == ["https"]
        assert values(report, "x-forwarded-host") == ["expenses.example"]
        assert values(report, "forwarded") == []
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_the_word_of_anybody_else_is_replaced(behind: Stack) -> None:
    said = {"X-Forwarded-For": CLIENT, "X-Forwarded-Proto": "https"}
    answer = behind.client.get("/api/v1/expenses", headers=said | BEARER)
    for report in (answer.json(), exchanges(behind)[-1]):
        assert values(report, "x-forwarded-for") == ["127.0.0.1"]
        assert values(report, "x-forwarded-proto") == ["http"]
    assert "strict-transport-security" not in answer.headers


def test_requests_in_flight_are_counted_by_client_not_by_proxy(behind: Stack, proxy: httpx.Client) -> None:
    """Three at most: the nearest address that is no proxy, whatever the client wrote before it.

    They are in flight until their bodies are whole.
    """
    hanging = []
    for forged in ("", "198.51.100.1, ", "198.51.100.2, "):
        connection = socket.create_connection(("127.0.0.1", behind.port), timeout=15, source_address=(PROXY, 0))
        said = ("Content-Length: 1", f"X-Forwarded-For: {forged}{CLIENT}, 192.0.2.7")
        connection.sendall(request("/api/v1/expenses/import", *said, method="POST"))
        hanging.append(connection)
    wait_until(lambda: behind.expenses.seen().count("POST /api/v1/expenses/import") == 3, what="three in flight")
    assert proxy.get("/api/v1/expenses", headers={"X-Forwarded-For": f"198.51.100.3, {CLIENT}"}).status_code == 429
    assert proxy.get("/api/v1/expenses", headers={"X-Forwarded-For": "198.51.100.3"}).status_code == 200
    assert behind.client.get("/api/v1/expenses", headers={"X-Forwarded-For": CLIENT}).status_code == 200
    for connection in hanging:
        connection.sendall(b"x")
        assert parse(read_all(connection)).status == 200
        connection.close()


def test_an_address_that_is_none_is_refused_by_traefik(tmp_path: Path) -> None:
    """It ends, and its log says why."""
    with pytest.raises(AssertionError, match=r"invalid CIDR address: 999\.1\.1\.1"):
        next(run_stack(tmp_path, GATEWAY_TRUSTED_PROXIES="999.1.1.1"))
