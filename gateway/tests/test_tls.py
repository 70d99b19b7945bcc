"""TLS on the entry point: the same limits, http led to https. With ACME whose server is not there, and so
with Traefik's own certificate; one of one's own is in tests-e2e."""

import re
import socket
import ssl
import stat
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from conftest import Stack
from processes import GATEWAY, running_gateway, running_upstream, wait_until
from test_configuration import complete_environment, run_start
from test_tokens import BEARER, exchanges, values
from wire import Answer, exchange, parse, read_all, request

ORIGIN = "https://expenses.example:8443"
ACME = {"ACME_EMAIL": "ops+ca@expenses.example", "ACME_CA_SERVER": "https://127.0.0.1:1/directory"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def secure(folder: Path) -> Iterator[Stack]:
    """A stack whose client speaks https."""
    with (
        running_upstream("auth") as auth,
        running_upstream("expenses") as expenses,
        running_gateway(folder, auth.url, expenses.url, GATEWAY, **ACME, GATEWAY_PUBLIC_ORIGIN=ORIGIN) as gateway,
        httpx.Client(base_url=f"https://127.0.0.1:{gateway.port}", verify=False, timeout=15) as client,  # noqa: S501 - its own
    ):
        wait_until(lambda: listening(client), what="routes loaded")
        yield Stack(gateway, auth, expenses, client)


def listening(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def any_server() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def exchange_tls(port: int, sent: bytes) -> Answer:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        any_server().wrap_socket(plain) as connection,
    ):
        connection.sendall(sent)
        return parse(read_all(connection))


def test_strict_transport_security_over_tls_and_never_without(secure: Stack) -> None:
    for path in ("/api/v1/expenses", "/api/v1/auth/own-503", "/nowhere", "/healthz"):
        assert secure.client.get(path).headers["strict-transport-security"] == "max-age=31536000"
    for method in ("GET", "POST"):
        answer = httpx.request(method, f"{secure.gateway.url}/api/v1/expenses")
        assert "strict-transport-security" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_services_are_told_that_it_was_https(secure: Stack) -> None:
    forged = {"X-Forwarded-Proto": "http", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Port": "80"}
    report = secure.client.get("/api/v1/expenses", headers=forged | BEARER).json()
    assert values(report, "x-forwarded-proto") == ["https"]
    assert values(report, "x-forwarded-for") == ["127.0.0.1"]
    assert values(report, "x-forwarded-port") == [str(secure.port)]
    assert values(exchanges(secure)[-1], "x-forwarded-proto") == ["https"]


# --- plain http at the same port ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/", "/"),
        ("/docs", "/docs"),
        ("/api/v1/expenses?from=2026-01-01&q=%C3%BC", "/api/v1/expenses?from=2026-01-01&q=%C3%BC"),
        ("//evil.example/x", "/evil.example/x"),
        ("/@evil.example", "/@evil.example"),
        ("http://evil.example/x?y", "/x?y"),
    ],
)
@pytest.mark.parametrize(("method", "status"), [("GET", 301), ("HEAD", 308)])
@pytest.mark.parametrize("host", ["localhost", "evil.example", "expenses.example"])
def test_reads_are_led_to_the_public_origin(  # noqa: PLR0913, PLR0917 - every way to say where
    secure: Stack, method: str, status: int, target: str, location: str, host: str
) -> None:
    before = secure.everything_seen()
    sent = request(target, method=method).replace(b"Host: localhost", f"Host: {host}".encode())
    answer = exchange(secure.port, sent)
    assert answer.status == status
    assert re.findall(r"location: (.*?)\r", answer.headers + "\r") == [(ORIGIN + location).lower()]
    assert secure.everything_seen() == before


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/api/v1/expenses", "/healthz"])
def test_writes_are_refused(secure: Stack, method: str, path: str) -> None:
    before = secure.everything_seen()
    answer = httpx.request(method, f"{secure.gateway.url}{path}", content=b"{}", headers={"Cookie": "a=b"})
    document = answer.json()
    assert (answer.status_code, document["status"], document["instance"]) == (404, 404, path)
    assert not document["credentials"]
    assert secure.everything_seen() == before


@pytest.mark.parametrize("token", ["Bearer a.b.c", "Bearer ea_pat_x", "Basic eDp5"])
def test_reads_with_a_token_are_refused(secure: Stack, token: str) -> None:
    before = secure.everything_seen()
    answer = httpx.get(f"{secure.gateway.url}/api/v1/expenses", headers={"Authorization": token})
    assert (answer.status_code, answer.json()["credentials"]) == (404, False)
    assert secure.everything_seen() == before


# --- the limits hold with TLS and without ----------------------------------------------------------------


@pytest.mark.parametrize("ask", [exchange, exchange_tls], ids=["plain", "tls"])
@pytest.mark.parametrize(
    ("target", "header", "status"),
    [
        ("/api/v1/expenses", "X_Forwarded_For: 203.0.113.9", 400),
        ("/api/v1/expenses", "X.User.Id: 1", 400),
        ("/api/v1/expenses", "X-Big: " + "a" * 65536, 431),
        ("/api/v1/expenses/a%2fb", "X-A: b", 400),
        ("/api/v1/expenses/a%00b", "X-A: b", 400),
        ("/api/v1/expenses", "Content-Length: 5, 6", 400),
    ],
)
def test_what_the_parser_refuses(
    secure: Stack, ask: Callable[[int, bytes], Answer], target: str, header: str, status: int
) -> None:
    before = secure.everything_seen()
    assert ask(secure.port, request(target, header)).status == status
    assert secure.everything_seen() == before


@pytest.mark.parametrize(("path", "limit"), [("/api/v1/expenses", 2**20), ("/api/v1/expenses/bulk", 2**23)])
def test_the_limit_of_a_body_is_exact(secure: Stack, path: str, limit: int) -> None:
    assert secure.client.post(path, content=b"x" * limit).json()["body_bytes"] == limit
    assert secure.client.post(path, content=b"x" * (limit + 1)).status_code == 413


@pytest.mark.parametrize("path", ["/internal/v1/exchange", "/metrics", "/livez", "/ping", "/dashboard/"])
def test_what_is_internal_is_not_public(secure: Stack, path: str) -> None:
    assert (secure.client.get(path).status_code, secure.client.get(path).json()["instance"]) == (404, path)


# --- TLS itself ------------------------------------------------------------------------------------------


def handshake(port: int, context: ssl.SSLContext) -> str | None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain, context.wrap_socket(plain) as connection:
        return connection.version()


def test_tls_1_3_and_1_2(secure: Stack) -> None:
    context = any_server()
    assert handshake(secure.port, context) == "TLSv1.3"
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    for cipher in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"):
        context.set_ciphers(cipher)
        assert handshake(secure.port, context) == "TLSv1.2"


@pytest.mark.parametrize("cipher", ["ECDHE-RSA-AES128-SHA", "AES128-GCM-SHA256", "AES128-SHA"])
def test_weak_suites_are_refused(secure: Stack, cipher: str) -> None:
    context = any_server()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{cipher}:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        handshake(secure.port, context)


def test_tls_1_1_is_refused(secure: Stack) -> None:
    context = any_server()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        handshake(secure.port, context)


def test_acme_asks_for_the_host_of_the_public_origin(secure: Stack, folder: Path) -> None:
    wait_until(lambda: "Unable to obtain ACME certificate" in secure.gateway.log(), what="asked")
    line = next(line for line in secure.gateway.log().splitlines() if "Unable to obtain ACME certificate" in line)
    assert '"domains":["expenses.example"]' in line
    assert ACME["ACME_CA_SERVER"] in line
    assert stat.S_IMODE((folder / "acme.json").stat().st_mode) == 0o600
    errors = re.findall(r'"level":"error".*?"message":"([^"]*)"', secure.gateway.log())
    assert {error for error in errors if "over limit" not in error} == {"Unable to obtain ACME certificate for domains"}


# --- what `start` refuses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"TLS_CERT_FILE": "HERE"}, "TLS_KEY_FILE is not set"),
        ({"TLS_KEY_FILE": "HERE"}, "TLS_CERT_FILE is not set"),
        ({"TLS_CERT_FILE": "HERE", "TLS_KEY_FILE": "/nothing"}, "TLS_KEY_FILE is /nothing, which is no file"),
        ({"TLS_CERT_FILE": "/tmp", "TLS_KEY_FILE": "HERE"}, "TLS_CERT_FILE is /tmp, which is no file"),  # noqa: S108 - as it is
        ({"TLS_CERT_FILE": "HERE", "TLS_KEY_FILE": "HERE"}, "GATEWAY_PUBLIC_ORIGIN is not set"),
        (ACME, "GATEWAY_PUBLIC_ORIGIN is not set"),
        (ACME | {"GATEWAY_PUBLIC_ORIGIN": "http://localhost:8080"}, "GATEWAY_PUBLIC_ORIGIN is not set: with TLS"),
        (ACME | {"GATEWAY_PUBLIC_ORIGIN": "https://"}, "GATEWAY_PUBLIC_ORIGIN is not set: with TLS"),
        (ACME | {"GATEWAY_PUBLIC_ORIGIN": "https://a.example/x"}, "has a path"),
        (ACME | {"GATEWAY_PUBLIC_ORIGIN": "https://a.example$1"}, "has a character that does not belong there"),
        ({"ACME_EMAIL": 'a"b@c.example'}, "ACME_EMAIL is .* has a character"),
        ({"GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8,0.0.0.0/0"}, "would trust everybody"),
        ({"GATEWAY_TRUSTED_PROXIES": "::/0"}, "would trust everybody"),
        ({"GATEWAY_TRUSTED_PROXIES": "10.0.0.1 10.0.0.2"}, "GATEWAY_TRUSTED_PROXIES is .* has a character"),
        ({"GATEWAY_ADDRESS": "127.0.0.1:8080|x"}, "GATEWAY_ADDRESS is .* has a character"),
    ],
)
def test_start_refuses(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    file = tmp_path / "file.pem"
    file.write_text("x")
    given = {name: str(file) if value == "HERE" else value for name, value in settings.items()}
    result = run_start(complete_environment(tmp_path) | given)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert re.match(rf"gateway: .*{said}", result.stderr)


def test_start_gives_absolute_paths_and_acme_before_own_files(tmp_path: Path) -> None:
    """With a program in Traefik's place that says what it was given."""
    (tmp_path / "says").write_text('#!/bin/sh\necho "${TLS_CERT_FILE:-none} ${TLS_KEY_FILE:-none}"\n')
    (tmp_path / "says").chmod(0o755)
    for name in ("a.pem", "b.pem"):
        (tmp_path / name).write_text("x")
    environment = complete_environment(tmp_path) | {"TRAEFIK_BIN": str(tmp_path / "says")}
    environment |= {"TLS_CERT_FILE": "a.pem", "TLS_KEY_FILE": "./b.pem", "GATEWAY_PUBLIC_ORIGIN": ORIGIN}
    for more, said in ({}, f"{tmp_path}/a.pem {tmp_path}/b.pem\n"), (ACME, "none none\n"):
        done = subprocess.run(
            [GATEWAY / "start"], cwd=tmp_path, env=environment | more, capture_output=True, text=True, check=True
        )
        assert done.stdout == said
