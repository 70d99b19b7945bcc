"""Answers of the services pass as they are; the gateway adds its headers to all of them."""

import httpx
import pytest
from conftest import Stack
from processes import wait_until

EVERYWHERE = ["/api/v1/auth/me", "/api/v1/expenses", "/api/v1/expenses/own-503", "/nowhere", "/healthz", "/docs"]


@pytest.mark.parametrize("status", [413, 429, 500, 503])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/api/v1/auth", "/api/v1/expenses"])
def test_the_services_own_problems_pass_untouched(stack: Stack, path: str, method: str, status: int) -> None:
    """Except 413 of a write: the gateway has the same limit, and its document says the same."""
    answer = stack.client.request(method, f"{path}/own-{status}", content=b"{}", headers={"X-Request-ID": "rid-1"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "rid-1"
    if (method, status) != ("POST", 413):
        assert (answer.json()["code"], answer.json()["detail"]) == (f"own_{status}", "own")
        assert answer.headers.get("retry-after") == ("7" if status in {429, 503} else None)


def test_the_service_makes_a_request_id_when_the_client_did_not(stack: Stack) -> None:
    answer = stack.client.get("/api/v1/expenses/own-503")
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "made-by-expenses"


@pytest.mark.parametrize("path", EVERYWHERE)
def test_security_headers(stack: Stack, path: str) -> None:
    headers = stack.client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
    assert "strict-transport-security" not in headers  # plain HTTP


@pytest.mark.parametrize("service", ["auth", "expenses"])
@pytest.mark.parametrize("rest", ["", "/swagger-ui-bundle.js"])
def test_documentation_pages_may_load_their_own_files_and_nothing_else(stack: Stack, service: str, rest: str) -> None:
    policies = stack.client.get(f"/api/v1/{service}/docs{rest}").headers.get_list("content-security-policy")
    assert len(policies) == 1
    assert "script-src 'self';" in policies[0]
    assert "connect-src 'self';" in policies[0]
    assert "http" not in policies[0]


def test_no_server_is_named_and_no_weaker_policy_passes(stack: Stack) -> None:
    headers = stack.client.get("/api/v1/expenses/named-server").headers
    assert not {"server", "x-powered-by", "via"} & set(headers)
    assert headers.get_list("content-security-policy") == [
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ]


def test_no_content(stack: Stack) -> None:
    answer = stack.client.delete("/api/v1/expenses/no-content")
    assert (answer.status_code, answer.content) == (204, b"")


def test_not_modified(stack: Stack) -> None:
    answer = stack.client.get("/api/v1/expenses/not-modified", headers={"If-None-Match": '"7"'})
    assert (answer.status_code, answer.headers["etag"], answer.content) == (304, '"7"', b"")


def test_head(stack: Stack) -> None:
    answer = stack.client.head("/api/v1/expenses/1")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 100


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_several_cookies(stack: Stack, method: str) -> None:
    answer = stack.client.request(method, "/api/v1/auth/cookies")
    assert answer.headers.get_list("set-cookie") == ["a=1; HttpOnly", "b=2; Path=/"]


def test_an_export_streams(stack: Stack) -> None:
    """The first byte is here before the last is made, and a client that does not read holds the service back."""
    with stack.client.stream("GET", "/api/v1/expenses/stream") as answer:
        body = answer.iter_raw(65536)
        size = len(next(body))
        assert stack.expenses.control()["sent"] == 1
        stack.expenses.control(release=1)
        with pytest.raises(AssertionError, match="all sent"):
            wait_until(lambda: stack.expenses.control()["sent"] == 640, seconds=1, what="all sent")
        size += sum(len(piece) for piece in body)
    assert size == 640 * 65536


def test_a_client_that_hangs_up_does_no_harm(stack: Stack) -> None:
    for _ in range(20):
        with pytest.raises(httpx.ReadTimeout):
            stack.client.get("/api/v1/expenses/hang", timeout=httpx.Timeout(15, read=0.05))
    assert stack.client.get("/api/v1/expenses").status_code == 200
