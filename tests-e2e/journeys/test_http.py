"""What every call promises: problems, order of checks, credentials, cross-site, headers, hidden paths."""

import json
import re
from collections.abc import Iterator

import httpx
import pytest
from openapi_spec_validator import validate

from actors import AUTH, EXPENSES, LUNCH, PASSWORD, Person, new_client, new_email, problem

CATEGORIES = "/api/v1/categories"


@pytest.fixture
def anonymous(base_url: str) -> httpx.Client:
    """A client without credentials."""
    return new_client(base_url)


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/api/v1", "/api/v2/expenses", "/api/v1/expenses2", "/docs/x"]
)
def test_the_gateway_answers_404_in_its_own_name(anonymous: httpx.Client, path: str) -> None:
    answer = anonymous.get(f"{path}?secret=1", headers={"X-Request-ID": "mine-1"})
    assert problem(answer, 404, "not_found")["instance"] == path
    assert answer.headers["x-request-id"] == "mine-1"


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/metrics", "/internal/problems/404", "/internal/v1/revocations"]
)
def test_what_is_for_operators_is_not_public(anonymous: httpx.Client, path: str) -> None:
    problem(anonymous.get(path), 404, "not_found")


def test_health_and_documentation_are_public(anonymous: httpx.Client) -> None:
    assert anonymous.get("/healthz").status_code == 200
    for method in ("GET", "HEAD"):
        moved = anonymous.request(method, "/docs")
        assert (moved.status_code, httpx.URL(moved.headers["location"]).path) == (302, f"{EXPENSES}/docs")
    problem(anonymous.post("/docs"), 405, "method_not_allowed")


@pytest.mark.parametrize(("service", "other"), [(AUTH, EXPENSES), (EXPENSES, AUTH)])
def test_documentation_asks_no_other_host(anonymous: httpx.Client, service: str, other: str) -> None:
    page = anonymous.get(f"{service}/docs")
    assert page.status_code == 200
    assert f'href="{other}/docs"' in page.text
    assert "//" not in re.sub(r"<!doctype html>", "", page.text)
    for asset in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert anonymous.get(asset).status_code == 200, asset
    assert "'unsafe-inline'" not in page.headers["content-security-policy"].split("style-src")[0]
    assert "<script>" not in page.text


@pytest.mark.parametrize("service", [AUTH, EXPENSES])
def test_the_specification_is_openapi_3_1(anonymous: httpx.Client, service: str) -> None:
    document = anonymous.get(f"{service}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    validate(document)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["operationId"], path
            assert len(operation["tags"]) == 1, path


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", f"{AUTH}/login", "POST"),
        ("GET", f"{AUTH}/logout", "POST"),
        ("PUT", f"{AUTH}/me", "GET, HEAD, PATCH"),
        ("PUT", EXPENSES, "DELETE, GET, HEAD, POST"),
        ("POST", f"{EXPENSES}/01900000-0000-7000-8000-000000000000", "DELETE, GET, HEAD, PATCH"),
        ("POST", "/.well-known/jwks.json", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    anonymous: httpx.Client, method: str, path: str, allowed: str
) -> None:
    answer = anonymous.request(method, path)
    problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) >= set(allowed.split(", "))


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 65536):
        yield b" " * 65536


@pytest.mark.parametrize("path", [f"{AUTH}/register", EXPENSES])
def test_a_body_above_1_mib_is_refused_declared_or_chunked(anonymous: httpx.Client, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    for content in (b" " * (2 << 20), chunks(2 << 20)):
        problem(anonymous.post(path, content=content, headers=headers), 413, "body_too_large")


def test_the_order_of_checks(base_url: str, ada: Person) -> None:
    anonymous = new_client(base_url)
    text = {"Content-Type": "text/plain"}
    problem(anonymous.post(f"{EXPENSES}?x=1", content=b"{", headers=text), 401, "not_authenticated")
    foreign = {"Sec-Fetch-Site": "cross-site"}
    answer = ada.client.post(f"{EXPENSES}?x=1", content=b"{", headers=text | foreign)
    problem(answer, 403, "cross_site_request")
    problem(ada.client.post(f"{EXPENSES}?x=1", content=b"{", headers=text), 415, "unsupported_media_type")
    typed = {"Content-Type": "application/json"}
    problem(ada.client.post(f"{EXPENSES}?x=1", content=b"{", headers=typed), 400, "malformed_json")
    problem(ada.client.post(f"{EXPENSES}?x=1", json=LUNCH), 422, "validation_error")
    absent = f"{EXPENSES}/01900000-0000-7000-8000-000000000000"
    problem(ada.client.patch(absent, json={"amount": True}), 422, "validation_error")
    problem(ada.client.patch(absent, json={"amount": "1.00"}, headers={"If-Match": '"9"'}), 404, "not_found")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff{}",
        b'{"amount": NaN}',
        b'{"amount": "1.00", "amount": "2.00"}',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a": 1} {}',
    ],
)
def test_what_is_not_json_is_malformed(ada: Person, content: bytes) -> None:
    answer = ada.client.post(EXPENSES, content=content, headers={"Content-Type": "application/json"})
    problem(answer, 400, "malformed_json")


def test_large_numbers_and_many_members_are_refused_quickly(ada: Person) -> None:
    headers = {"Content-Type": "application/json"}
    huge = b'{"amount": 1e400, "currency": "EUR", "description": "x"}'
    problem(ada.client.post(EXPENSES, content=huge, headers=headers), 422, "validation_error")
    members = json.dumps({f"k{n}": n for n in range(50_000)}).encode()
    assert ada.client.post(EXPENSES, content=members, headers=headers).status_code in {400, 422}


def test_cookie_and_bearer_together_are_ambiguous(ada: Person) -> None:
    for path in (f"{AUTH}/me", EXPENSES):
        bearer = {"Authorization": f"Bearer {ada.cookie('ea_access')}"}
        problem(ada.client.get(path, headers=bearer), 400, "ambiguous_credentials")


def test_two_cookies_of_one_name_are_refused(ada: Person) -> None:
    good = f"ea_access={ada.cookie('ea_access')}"
    for path in (f"{AUTH}/me", EXPENSES):
        problem(ada.with_cookies(good, "ea_access=planted").get(path), 400, "duplicate_cookie")
    refresh = f"ea_refresh={ada.cookie('ea_refresh')}"
    twice = ada.with_cookies(refresh, "ea_refresh=planted")
    problem(twice.post(f"{AUTH}/refresh"), 400, "duplicate_cookie")


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "OWN"}]
)
def test_the_own_site_can_write(base_url: str, ada: Person, headers: dict[str, str]) -> None:
    sent = {name: value.replace("OWN", base_url) for name, value in headers.items()}
    assert ada.client.post(EXPENSES, json=LUNCH, headers=sent).status_code == 201


@pytest.mark.parametrize("path", [f"{AUTH}/me", EXPENSES, CATEGORIES])
def test_without_credentials_nobody_is_let_in(anonymous: httpx.Client, path: str) -> None:
    answer = anonymous.get(path)
    problem(answer, 401, "not_authenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("token", ["x", "a.b.c", "." * 5000, "eyJhbGciOiJub25lIn0.e30."])
@pytest.mark.parametrize("path", [f"{AUTH}/me", EXPENSES])
def test_what_is_no_token_is_invalid(anonymous: httpx.Client, path: str, token: str) -> None:
    answer = anonymous.get(path, headers={"Authorization": f"Bearer {token}"})
    problem(answer, 401, "invalid_token")


@pytest.mark.parametrize("path", [f"{AUTH}/me", EXPENSES, CATEGORIES, "/api/v1/currencies"])
def test_a_request_id_is_kept_or_made(ada: Person, path: str) -> None:
    assert ada.client.get(path, headers={"X-Request-ID": "a.B-9_"}).headers["x-request-id"] == "a.B-9_"
    for bad in ("x" * 129, "a b", "a/b"):
        made = ada.client.get(path, headers={"X-Request-ID": bad}).headers["x-request-id"]
        assert made != bad
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", made)


@pytest.mark.parametrize(
    "path", [f"{AUTH}/me", EXPENSES, CATEGORIES, "/api/v1/currencies", "/.well-known/jwks.json"]
)
def test_head_is_get_without_the_body(ada: Person, path: str) -> None:
    get, head = ada.client.get(path), ada.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == get.headers["etag"]


def test_answers_carry_the_gateways_shield(ada: Person) -> None:
    for path in (f"{AUTH}/me", EXPENSES, "/nothing"):
        headers = ada.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


def test_a_header_from_outside_makes_nobody_somebody(base_url: str, ada: Person) -> None:
    forged = {"X-User-Id": ada.id, "X-Forwarded-User": ada.email, "Forwarded": "for=127.0.0.1"}
    problem(new_client(base_url, **forged).get(EXPENSES), 401, "not_authenticated")


def test_registration_needs_json(anonymous: httpx.Client) -> None:
    form = json.dumps({"email": new_email(), "password": PASSWORD})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp"):
        answer = anonymous.post(f"{AUTH}/register", content=form, headers={"Content-Type": kind})
        problem(answer, 415, "unsupported_media_type")
