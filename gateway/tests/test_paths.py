"""Path tricks: whatever the spelling, only what the allow-list names is reached, spelt one way."""

import pytest
from conftest import Stack
from wire import exchange, request

ENCODED = [
    "/api/v1/expenses/a%2fb",
    "/api/v1/expenses/a%2Fb",
    "/api/v1/expenses/..%2f..%2finternal/v1/revocations",
    "/api/v1/expenses/a%5cb",
    "/api/v1/expenses/..%5c..%5cinternal",
    "/api/v1/expenses/a%00b",
    "/api/v1/expenses/a%3bb",
    "/api/v1/expenses/a%23b",
    "/api/v1/expenses/a%3fb",
    "/api/v1/expenses/%252e%252e/%252e%252e/%252e%252e/metrics",
    "/api/v1/expenses/%252f",
    "/%2finternal/problems/404",
]
OUT_OF_THE_LIST = [
    "/api/v1/expenses/../../../internal/v1/revocations",
    "/api/v1/expenses/%2e%2e/%2e%2e/%2e%2e/internal/v1/revocations",
    "/api/v1/expenses/.%2E/../%2e./metrics",
    "/api/v1/auth/../../../livez",
    "/../internal/problems/404",
    "//internal/v1/revocations",
    "/./metrics",
    "/internal;/v1/revocations",
    "/api/v1;x/expenses",
    "/api/v1/auth;/login",
    "/api/v1/expenses;x=1",
    "/api//v1/../internal",
    "http://localhost/internal/v1/revocations",
    "http://auth:8000/metrics",
    "http://localhost/api/v1/auth/../../../readyz",
]
MALFORMED = [
    "/api/v1/expenses/%",
    "/api/v1/expenses/%zz",
    "/api/v1/expenses/%u002e",
    "/api/v1/expenses/a\x00b",
    "/api/v1/expenses/a b",
    "api/v1/expenses",
    "http://[::1/api/v1/expenses",
    "",
]
RESPELT = [
    ("/api/v1/auth/../expenses/7", "expenses", "/api/v1/expenses/7"),
    ("/api/v1/expenses/%2e%2e/auth/me", "auth", "/api/v1/auth/me"),
    ("//api//v1///expenses//7", "expenses", "/api/v1/expenses/7"),
    ("/api/v1/./expenses/./7", "expenses", "/api/v1/expenses/7"),
    ("/api/v1/%65xpenses/7", "expenses", "/api/v1/expenses/7"),
    ("http://other.example/api/v1/expenses/7", "expenses", "/api/v1/expenses/7"),
]


@pytest.mark.parametrize("target", [*ENCODED, *MALFORMED])
def test_encoded_and_malformed_paths_are_refused_before_routing(stack: Stack, target: str) -> None:
    before = stack.everything_seen()
    assert exchange(stack.port, request(target)).status == 400
    assert stack.everything_seen() == before


@pytest.mark.parametrize("target", OUT_OF_THE_LIST)
def test_no_spelling_leads_out_of_the_list(stack: Stack, target: str) -> None:
    before = stack.everything_seen()
    answer = exchange(stack.port, request(target))
    assert (answer.status, answer.json()["status"]) == (404, 404)
    assert stack.everything_seen() == before


@pytest.mark.parametrize(("target", "service", "path"), RESPELT)
def test_a_service_sees_the_path_that_was_routed(stack: Stack, target: str, service: str, path: str) -> None:
    report = exchange(stack.port, request(target)).json()
    assert (report["service"], report["path"]) == (service, path)


def test_semicolon_inside_a_segment_is_only_a_character(stack: Stack) -> None:
    report = exchange(stack.port, request("/api/v1/expenses/a;b?x=1;y=2")).json()
    assert (report["path"], report["query"]) == ("/api/v1/expenses/a;b", "x=1%3By=2")


@pytest.mark.parametrize(
    ("method", "target"),
    [("CONNECT", "localhost:22"), ("GET", "*"), ("CONNECT", "/api/v1/expenses")],
)
def test_the_gateway_is_no_proxy(stack: Stack, method: str, target: str) -> None:
    before = stack.everything_seen()
    answer = exchange(stack.port, request(target, method=method))
    assert answer.status in {400, 404, 501}
    assert stack.everything_seen() == before
