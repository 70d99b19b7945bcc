"""Personal access tokens: exchanged by auth, and never seen by the service behind."""

import json
import socket
from typing import Any

import httpx
import pytest
from conftest import Stack
from processes import wait_until
from wire import exchange, parse, read_all, request

MIB = 2**20
PERSONAL = "ea_pat_01a_secret_crc"
BEARER = {"Authorization": f"Bearer {PERSONAL}"}
ACCESS = "Bearer access.token.signed"
ROUTES = [
    ("GET", "/api/v1/expenses"),
    ("HEAD", "/api/v1/expenses"),
    ("POST", "/api/v1/expenses"),
    ("PATCH", "/api/v1/expenses/0190-x"),
    ("DELETE", "/api/v1/expenses/0190-x"),
    ("POST", "/api/v1/expenses/bulk"),
    ("GET", "/api/v1/categories"),
    ("PATCH", "/api/v1/categories/food"),
    ("GET", "/api/v1/changes"),
    ("GET", "/api/v1/auth/me"),
    ("PATCH", "/api/v1/auth/me"),
]


def exchanges(stack: Stack) -> list[dict[str, Any]]:
    """The requests for an exchange that auth has received."""
    received = stack.auth.control()["exchanges"]
    assert isinstance(received, list)
    return received


def values(report: dict[str, Any], name: str) -> list[str]:
    return [value for header, value in report["headers"] if header == name]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_the_service_sees_an_access_token_in_its_place(stack: Stack, method: str, path: str) -> None:
    before = len(exchanges(stack))
    answer = stack.client.request(method, path, params={"q": "1"}, headers=BEARER, content=b"{}")
    assert answer.status_code == 200
    assert len(exchanges(stack)) == before + 1
    if method != "HEAD":
        report = answer.json()
        assert (report["method"], report["path"], report["query"]) == (method, path, "q=1")
        assert report["body_bytes"] == 2
        assert values(report, "authorization") == [ACCESS]
        assert "ea_pat_" not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/currencies"),
        ("HEAD", "/api/v1/currencies"),
        ("POST", "/api/v1/currencies"),
        ("GET", "/api/v1/expenses/openapi.json"),
        ("GET", "/api/v1/expenses/docs"),
        ("GET", "/api/v1/expenses/docs/start.js"),
        ("GET", "/docs"),
    ],
)
def test_what_everybody_may_read_needs_no_exchange(stack: Stack, method: str, path: str) -> None:
    """A token that is not good takes nothing away, and no service sees it."""
    before = len(exchanges(stack))
    headers = {"Authorization": "Bearer ea_pat_401", "Cookie": "ea_access=1"}
    answer = stack.client.request(method, path, headers=headers, content=b"{}" if method == "POST" else None)
    assert answer.status_code == 200
    assert len(exchanges(stack)) == before
    if method != "HEAD":
        assert (answer.json()["service"], answer.json()["path"]) == ("expenses", path)
        assert not {"authorization", "cookie"} & {name for name, _ in answer.json()["headers"]}


def test_an_import_is_exchanged_before_its_body_is_here(stack: Stack) -> None:
    before = len(exchanges(stack))
    head = request(
        "/api/v1/expenses/import", "Content-Length: 2000", f"Authorization: Bearer {PERSONAL}", method="POST"
    )
    with socket.create_connection(("127.0.0.1", stack.port), timeout=5) as connection:
        connection.sendall(head + b"x" * 1000)
        wait_until(lambda: stack.expenses.control()["received"] == 1000, what="half of the body at the service")
        assert len(exchanges(stack)) == before + 1
        connection.sendall(b"x" * 1000)
        assert parse(read_all(connection)).json() == {"created": 2000}


@pytest.mark.parametrize(
    "sent",
    [
        f"BEARER {PERSONAL}",
        f"bearer   {PERSONAL}",
        f"bEaReR\t{PERSONAL}",
        f"Basic {PERSONAL}",
        f"Bearer,{PERSONAL}",
        f'Bearer "{PERSONAL}"',
        f"Bearer a.b.c, Bearer {PERSONAL}",
        PERSONAL,
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/expenses", "/api/v1/auth/me"])
def test_however_it_is_written_it_goes_to_the_exchange(stack: Stack, path: str, sent: str) -> None:
    """Which spellings are valid is auth's to say; the service sees none of them."""
    before = len(exchanges(stack))
    answer = exchange(stack.port, request(path, f"Authorization: {sent}"))
    assert values(answer.json(), "authorization") == [ACCESS]
    assert len(exchanges(stack)) == before + 1


@pytest.mark.parametrize("other", ["Bearer a.b.c", "Basic eDp5", f"Bearer {PERSONAL}"])
@pytest.mark.parametrize("last", [True, False])
def test_two_authorization_headers_are_both_shown_to_the_exchange(stack: Stack, other: str, *, last: bool) -> None:
    both = [f"Authorization: {text}" for text in (other, f"Bearer {PERSONAL}")]
    before = stack.expenses.seen()
    answer = exchange(stack.port, request("/api/v1/expenses", *(both if last else reversed(both))))
    assert (answer.status, answer.json()["code"]) == (400, "own_400")
    assert len(values(exchanges(stack)[-1], "authorization")) == 2
    assert stack.expenses.seen() == before


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer ea-pat-1"},
        {"Authorization": f"Bearer a.{PERSONAL}.c"},
        {"Authorization": f"Bearer a-{PERSONAL}"},
        {"Cookie": f"ea_access={PERSONAL}"},
        {"X-Authorization": f"Bearer {PERSONAL}"},
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/expenses", "/api/v1/auth/me"])
def test_other_requests_do_not_pay_for_it(stack: Stack, path: str, headers: dict[str, str]) -> None:
    before = exchanges(stack)
    report = stack.client.get(path, params={"q": PERSONAL}, headers=headers).json()
    assert values(report, "authorization") == [value for name, value in headers.items() if name == "Authorization"]
    assert exchanges(stack) == before


@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/api/v1/auth/sessions", "/api/v1/auth/me/x"])
def test_other_routes_of_auth_get_it_as_it_is(stack: Stack, path: str) -> None:
    before = exchanges(stack)
    assert values(stack.client.get(path, headers=BEARER).json(), "authorization") == [BEARER["Authorization"]]
    assert exchanges(stack) == before


def test_what_the_exchange_sees(stack: Stack) -> None:
    """No body, and of the client what the gateway knows, not what the client says."""
    forged = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Uri": "/forged",
        "X-Forwarded-Proto": "https",
        "X-Real-Ip": "203.0.113.9",
        "Forwarded": "for=203.0.113.9",
    }
    sent = (
        BEARER | forged | {"Cookie": "ea_access=1", "X-Request-ID": "rid-x", "User-Agent": "script/1", "X-Other": "1"}
    )
    client = httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2"))
    with client:
        assert client.post(f"{stack.gateway.url}/api/v1/expenses", headers=sent, content=b"{}").status_code == 200
    received = exchanges(stack)[-1]
    headers = dict(received["headers"])
    assert (received["method"], received["body_bytes"]) == ("GET", 0)
    assert headers["authorization"] == f"Bearer {PERSONAL}"
    assert headers["cookie"] == "ea_access=1"  # auth leaves both together to the service
    assert (headers["x-request-id"], headers["user-agent"]) == ("rid-x", "script/1")
    assert headers["x-forwarded-for"] == headers["x-real-ip"] == "127.0.0.2"
    assert headers["x-forwarded-host"] == f"127.0.0.1:{stack.port}"
    assert (headers["x-forwarded-method"], headers["x-forwarded-uri"]) == ("POST", "/api/v1/expenses")
    assert headers["x-forwarded-proto"] == "http"
    assert not {"x-other", "forwarded", "content-length", "content-type"} & set(headers)


def test_a_hop_by_hop_header_does_not_carry_it_past_the_exchange(stack: Stack) -> None:
    sent = request("/api/v1/expenses", f"Authorization: Bearer {PERSONAL}").replace(
        b"Connection: close", b"Connection: Authorization, close"
    )
    assert values(exchange(stack.port, sent).json(), "authorization") == []


def test_one_request_id_for_both(stack: Stack) -> None:
    given = stack.client.get("/api/v1/expenses", headers=BEARER | {"X-Request-ID": "rid-1"}).json()
    assert values(given, "x-request-id") == ["rid-1"]
    made = stack.client.get("/api/v1/expenses", headers=BEARER).json()
    assert values(made, "x-request-id") == ["made-by-exchange"]


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
@pytest.mark.parametrize("path", ["/api/v1/expenses", "/api/v1/expenses/import", "/api/v1/auth/me"])
def test_a_refusal_reaches_the_client_as_it_is(stack: Stack, path: str, status: int) -> None:
    expenses, auth = stack.expenses.seen(), stack.auth.seen()
    headers = {"Authorization": f"Bearer ea_pat_{status}", "X-Request-ID": "rid-2"}
    answer = stack.client.post(path, headers=headers, content=b"{}")
    assert answer.status_code == status
    assert (answer.json()["code"], answer.json()["by"]) == (f"own_{status}", "auth")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "rid-2"
    assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
    assert answer.headers.get("retry-after") == ("7" if status in {429, 503} else None)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert not {"server", "authorization"} & set(answer.headers)
    assert stack.expenses.seen() == expenses
    assert stack.auth.seen() == [*auth, "GET /internal/v1/exchange"]


def test_no_token_in_the_answer_is_no_token_for_the_service(stack: Stack) -> None:
    report = stack.client.get("/api/v1/expenses", headers={"Authorization": "Bearer ea_pat_silent"}).json()
    assert values(report, "authorization") == []


@pytest.mark.parametrize("status", [413, 429, 500, 503])
def test_the_services_own_problems_pass_untouched(stack: Stack, status: int) -> None:
    answer = stack.client.get(f"/api/v1/expenses/own-{status}", headers=BEARER | {"X-Request-ID": "rid-3"})
    assert (answer.status_code, answer.json()["code"], answer.json()["by"]) == (status, f"own_{status}", "expenses")
    assert answer.headers.get("retry-after") == ("7" if status in {429, 503} else None)


def test_the_exchange_is_not_public(stack: Stack) -> None:
    before = stack.everything_seen()
    for path in ("/internal/v1/exchange", "/api/v1/expenses/../../../internal/v1/exchange"):
        answer = exchange(stack.port, request(path, f"Authorization: Bearer {PERSONAL}"))
        assert (answer.status, answer.json()["instance"]) == (404, "/internal/v1/exchange")
    assert stack.everything_seen() == before


def test_no_log_has_it(stack: Stack) -> None:
    for token in (PERSONAL, "ea_pat_401", "ea_pat_silent"):
        headers = {"Authorization": f"Bearer {token}", "X-Request-ID": f"log-{token.removeprefix('ea_pat_')}"}
        stack.client.post("/api/v1/expenses", headers=headers, content=b"{}")
    wait_until(lambda: all(f'"log-{name}"' in stack.gateway.log() for name in ("401", "silent")), what="logged")
    lines = [json.loads(line) for line in stack.gateway.log().splitlines() if '"log-401"' in line]
    assert [line["RequestPath"] for line in lines] == ["/api/v1/expenses"]  # the exchange has no line of its own
    assert lines[0]["RouterName"] == "public@file -> expenses-by-token@file"
    assert "ea_pat_" not in stack.gateway.log()
    assert "access.token" not in stack.gateway.log()


# --- limits: the same routers do the rest, so that nothing is looser with a personal access token ------


@pytest.mark.parametrize(
    ("path", "limit"), [("/api/v1/expenses", MIB), ("/api/v1/auth/me", MIB), ("/api/v1/expenses/bulk", 8 * MIB)]
)
def test_the_limit_is_exact(stack: Stack, path: str, limit: int) -> None:
    def post(size: int) -> httpx.Response:
        return stack.client.post(path, content=b"x" * size, headers=BEARER)

    assert post(limit).json()["body_bytes"] == limit
    assert (post(limit + 1).status_code, post(limit + 1).json()["detail"]) == (413, "told")


@pytest.mark.parametrize(("size", "status"), [(67108864, 200), (67108865, 413)])
def test_declared_imports_are_bounded(stack: Stack, size: int, status: int) -> None:
    before = len(stack.expenses.seen())
    authorization = f"Authorization: Bearer {PERSONAL}"
    head = request("/api/v1/expenses/import", f"Content-Length: {size}", authorization, method="POST")
    if status == 413:
        assert exchange(stack.port, head).status == 413
        assert len(stack.expenses.seen()) == before
    else:
        with socket.create_connection(("127.0.0.1", stack.port)) as connection:
            connection.sendall(head)
            wait_until(lambda: len(stack.expenses.seen()) == before + 1, what="seen by the service")


def test_requests_in_flight_are_counted_once(own_stack: Stack) -> None:
    """Three at most here, and the gateway's own question to auth is none of them. They go on until they are whole."""
    authorization = f"Authorization: Bearer {PERSONAL}"
    head = request("/api/v1/expenses/import", "Content-Length: 1", authorization, method="POST")
    hanging = [socket.create_connection(("127.0.0.1", own_stack.port), timeout=10) for _ in range(3)]
    for connection in hanging:
        connection.sendall(head)
    wait_until(lambda: len(own_stack.expenses.seen()) == 3, what="three in flight")
    assert own_stack.client.get("/api/v1/expenses", headers=BEARER).status_code == 429
    assert len(exchanges(own_stack)) == 3
    for connection in hanging:
        connection.sendall(b"x")
        assert parse(read_all(connection)).status == 200
        connection.close()
