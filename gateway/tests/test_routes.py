"""The allow-list of public paths, and what reaches a service of a request that is on it."""

import httpx
import pytest
from conftest import Stack

AUTH = [
    "/api/v1/auth/login",
    "/api/v1/auth/me",
    "/api/v1/auth/sessions/0190-x",
    "/api/v1/auth/openapi.json",
    "/api/v1/auth/docs",
    "/api/v1/auth/docs/swagger-ui.css",
    "/.well-known/jwks.json",
]
EXPENSES = [
    "/api/v1/expenses",
    "/api/v1/expenses/0190-x",
    "/api/v1/expenses/0190-x/history",
    "/api/v1/expenses/by-external/bank/7",
    "/api/v1/expenses/summary",
    "/api/v1/expenses/bulk",
    "/api/v1/expenses/openapi.json",
    "/api/v1/expenses/docs",
    "/api/v1/categories",
    "/api/v1/categories/food",
    "/api/v1/changes",
    "/api/v1/currencies",
    "/docs",
]
UNKNOWN = [
    "/",
    "/api",
    "/api/v1",
    "/api/v1/auth",
    "/api/v1/authx/login",
    "/api/v1/expensesx",
    "/api/v1/categoriesx",
    "/api/v1/changes/1",
    "/api/v1/currencies/EUR",
    "/api/v2/expenses",
    "/.well-known/jwks.json/x",
    "/.well-known/openid-configuration",
    "/API/V1/expenses",
    "/favicon.ico",
]
INTERNAL = [
    "/livez",
    "/readyz",
    "/metrics",
    "/internal",
    "/internal/problems/404",
    "/internal/v1/revocations",
    "/control",
    "/ping",
    "/api/rawdata",
    "/api/overview",
    "/dashboard/",
    "/debug/pprof/",
    "/docs/oauth2-redirect",
    "/openapi.json",
    "/healthz/x",
]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]


@pytest.mark.parametrize(
    ("path", "service"), [*((path, "auth") for path in AUTH), *((path, "expenses") for path in EXPENSES)]
)
def test_public_path_reaches_its_service_as_it_is(stack: Stack, path: str, service: str) -> None:
    report = stack.client.get(path, params={"q": "ü", "limit": "2"}).json()
    assert (report["service"], report["path"], report["query"]) == (service, path, "q=%C3%BC&limit=2")


@pytest.mark.parametrize("path", [*UNKNOWN, *INTERNAL])
def test_any_other_path_is_a_404_problem(stack: Stack, path: str) -> None:
    before = stack.everything_seen()
    answer = stack.client.get(path, params={"url": "/forged"}, headers={"X-Request-ID": "rid.1"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.headers["cache-control"] == "no-store"
    document = answer.json()
    assert (document["status"], document["instance"], document["request_id"]) == (404, path, "rid.1")
    assert stack.everything_seen() == before


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/api/v1/auth/me", "/api/v1/expenses", "/api/v1/expenses/bulk", "/docs"])
def test_the_service_judges_methods(stack: Stack, method: str, path: str) -> None:
    assert stack.client.request(method, path).json()["method"] == method


@pytest.mark.parametrize("method", METHODS)
def test_unknown_path_is_404_for_every_method(stack: Stack, method: str) -> None:
    answer = stack.client.request(method, "/internal/v1/revocations", content=b"{}" * 1000)
    assert (answer.status_code, answer.json()["status"]) == (404, 404)


def test_head_of_unknown_path_has_no_body(stack: Stack) -> None:
    answer = stack.client.head("/nowhere")
    assert (answer.status_code, answer.content) == (404, b"")


def test_healthz(stack: Stack) -> None:
    answer = stack.client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "OK")


def test_what_the_client_says_passes_unchanged(stack: Stack) -> None:
    sent = {
        "Host": "expenses.example:8443",
        "X-Request-ID": "abc.DEF-1_2",
        "Authorization": "Bearer a.b.c",
        "Cookie": "ea_access=1; ea_refresh=2",
        "Idempotency-Key": "k 1",
        "If-Match": '"3"',
        "Content-Type": "application/merge-patch+json",
        "Sec-Fetch-Site": "same-origin",
        "Origin": "http://expenses.example:8443",
    }
    report = stack.client.patch("/api/v1/expenses/1", headers=sent, content=b"{}").json()
    received = dict(report["headers"])
    assert {name: received.get(name.lower()) for name in sent} == sent
    assert report["body_bytes"] == len(b"{}")


def test_idle_connections_are_reused(stack: Stack) -> None:
    """Keep-alive towards the client: 20 requests, one connection."""
    with httpx.Client(base_url=stack.gateway.url, limits=httpx.Limits(max_connections=1)) as client:
        answers = [client.get("/api/v1/currencies") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert not any("close" in answer.headers.get("connection", "") for answer in answers)
