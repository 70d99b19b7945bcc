"""Headers that a client must not be able to set, and requests that two parsers could read in two ways."""

import json

import pytest
from conftest import Stack
from wire import exchange, exchange_raw, request

FORGED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Server": "evil",
    "X-Forwarded-Uri": "/internal",
    "X-Forwarded-Method": "DELETE",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Tls-Client-Cert": "evil",
    "X-Real-Ip": "203.0.113.9",
    "Forwarded": "for=203.0.113.9;proto=https;host=evil.example",
}


def received_headers(stack: Stack, sent: dict[str, str]) -> dict[str, str]:
    report = stack.client.get("/api/v1/expenses", headers=sent).json()
    return dict(report["headers"])


def test_forged_forwarding_headers_are_replaced(stack: Stack) -> None:
    received = received_headers(stack, FORGED)
    assert received["x-forwarded-for"] == "127.0.0.1"
    assert received["x-real-ip"] == "127.0.0.1"
    assert received["x-forwarded-proto"] == "http"
    assert received["x-forwarded-host"] == received["host"] == f"127.0.0.1:{stack.port}"
    assert received["x-forwarded-port"] == str(stack.port)
    assert "forwarded" not in received
    assert not {value for value in received.values() if value in FORGED.values()}


def test_hop_by_hop_headers_cannot_remove_what_the_gateway_says(stack: Stack) -> None:
    sent = {"Connection": "X-Forwarded-For, X-Real-Ip, X-Request-ID, close", "X-Forwarded-For": "203.0.113.9"}
    assert received_headers(stack, sent)["x-forwarded-for"] == "127.0.0.1"


@pytest.mark.parametrize(
    "header",
    [
        "X_Forwarded_For: 203.0.113.9",
        "X.Forwarded.For: 203.0.113.9",
        "X-Forwarded_For: 203.0.113.9",
        "X.User.Id: 1",
        "X_User_Id: 1",
        "X_REQUEST_ID: 1",
        "Idempotency_Key: 1",
    ],
)
def test_other_spellings_of_header_names_are_refused(stack: Stack, header: str) -> None:
    before = stack.everything_seen()
    assert exchange(stack.port, request("/api/v1/expenses", header)).status == 400
    assert stack.everything_seen() == before


@pytest.mark.parametrize("headers", [["X-Big: " + "a" * 65536], [f"X-Big-{n}: {'a' * 1000}" for n in range(64)]])
def test_64_kib_of_headers_are_431(stack: Stack, headers: list[str]) -> None:
    assert exchange(stack.port, request("/api/v1/expenses", *headers)).status == 431


def test_24_kib_of_headers_pass(stack: Stack) -> None:
    assert exchange(stack.port, request("/api/v1/expenses", "X-Big: " + "a" * 24576)).status == 200


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("Content-Length: 5\r\nContent-Length: 6", 400),
        ("Content-Length: 5, 6", 400),
        ("Content-Length: -1", 400),
        ("Content-Length: +5", 400),
        ("Content-Length: 0x5", 400),
        ("Content-Length: 99999999999999999999", 400),
        ("Transfer-Encoding : chunked", 400),
        ("Transfer-Encoding: xchunked", 501),
        ("Transfer-Encoding: identity", 501),
        ("Transfer-Encoding: chunked, chunked", 501),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 501),
        ("X-A: b\x00c", 400),
        ("X-A: b\rX-B: c", 400),
        ("X A: b", 400),
        (": b", 400),
        ("Host: second.example", 400),
    ],
)
def test_ambiguous_framing_is_refused(stack: Stack, line: str, status: int) -> None:
    before = stack.everything_seen()
    answer = exchange(stack.port, request("/api/v1/expenses", line, method="POST", body=b"0\r\n\r\n"))
    assert answer.status == status
    assert stack.everything_seen() == before


SMUGGLED = b"GET /internal/v1/revocations HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        # Both lengths: RFC 9112, 6.3: chunked counts.
        b"POST /api/v1/expenses HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n"
        + CHUNKED
        + b"\r\n0\r\n\r\n"
        + SMUGGLED,
        b"POST /api/v1/expenses HTTP/1.1\r\nHost: localhost\r\n"
        + CHUNKED
        + b"Content-Length: %d\r\n\r\n0\r\n\r\n" % (5 + len(SMUGGLED))
        + SMUGGLED,
        # Bare LF in the head: read as CRLF, and written as CRLF to the service.
        b"POST /api/v1/expenses HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n" + SMUGGLED,
        # A GET with a body that looks like a request.
        b"GET /api/v1/expenses HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    ],
    ids=["TE+CL", "CL+TE", "bare-LF", "GET-body"],
)
def test_no_second_request_is_smuggled(stack: Stack, sent: bytes) -> None:
    before = stack.expenses.seen()
    received = exchange_raw(stack.port, sent + b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert received.startswith((b"HTTP/1.1 200", b"HTTP/1.1 400")), received[:200]
    after = stack.expenses.seen()[len(before) :]
    assert len(after) <= 1
    assert not [line for line in stack.everything_seen() if "internal" in line]


def test_two_lengths_reach_the_service_as_one(stack: Stack) -> None:
    sent = request(
        "/api/v1/expenses",
        "Transfer-Encoding: chunked",
        "Content-Length: 3",
        method="POST",
        body=b"5\r\nhello\r\n0\r\n\r\n",
    )
    report = json.loads(exchange(stack.port, sent).body)
    names = [name for name, _ in report["headers"]]
    assert report["body_bytes"] == 5
    assert not {"content-length", "transfer-encoding"} <= set(names)
    assert names.count("content-length") <= 1


@pytest.mark.parametrize("chunk", [b"1;\nx\r\n0\r\n\r\n", b"1\nx\r\n0\r\n\r\n", b"zz\r\nx", b"-1\r\nx", b"1\r\nxx\r\n"])
@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/api/v1/expenses"])
def test_malformed_chunks_reach_no_service(stack: Stack, path: str, chunk: bytes) -> None:
    """Traefik's `buffering` answers a plain 500 here; the request ends at the gateway, and so does its connection."""
    before = stack.everything_seen()
    sent = request(path, "Transfer-Encoding: chunked", method="POST", body=chunk + SMUGGLED)
    received = exchange_raw(stack.port, sent.replace(b"Connection: close\r\n", b""))
    assert received.startswith((b"HTTP/1.1 400", b"HTTP/1.1 500")), received[:200]
    assert received.count(b"HTTP/1.1 ") == 1
    assert stack.everything_seen() == before
