"""The product over https, with a certificate that it signed itself, and behind an outer proxy (127.0.0.2)."""

import os
import subprocess
from collections.abc import Callable

import httpx
import pytest

from actors import AUTH, EXPENSES, LUNCH, PASSWORD, eventually, new_email, problem
from infra.local import bootstrap
from infra.local.stack import Stack

pytestmark = pytest.mark.own_stack

COOKIES = {
    "__Host-ea_access": {"HttpOnly", "Secure", "SameSite=Strict", "Path=/"},
    "__Secure-ea_refresh": {"HttpOnly", "Secure", "SameSite=Strict", f"Path={AUTH}"},
    "__Host-ea_device": {"HttpOnly", "Secure", "SameSite=Strict", "Path=/"},
}


def set_cookies(answer: httpx.Response) -> dict[str, tuple[str, set[str]]]:
    """Of each cookie that is set its value and its attributes."""
    found = {}
    for line in answer.headers.get_list("set-cookie"):
        pair, *attributes = line.split("; ")
        name, _, value = pair.partition("=")
        found[name] = value, set(attributes)
    return found


def plain(stack: Stack, method: str, path: str, **headers: str) -> httpx.Response:
    base = stack.base_url.replace("https://", "http://")
    return httpx.request(method, f"{base}{path}", headers=headers, json={} if method == "POST" else None)


# --- cookies ----------------------------------------------------------------------------------


def test_cookies_have_their_prefixes_and_attributes(browser: Callable[..., httpx.Client]) -> None:
    client, form = browser(), {"email": new_email(), "password": PASSWORD}
    client.post(f"{AUTH}/register", json=form)
    cookies = set_cookies(client.post(f"{AUTH}/login", json=form))
    assert cookies.keys() == COOKIES.keys()
    for name, (_, attributes) in cookies.items():
        lives = {text for text in attributes if text.startswith("Max-Age=")}
        assert len(lives) == 1
        assert attributes - lives == COOKIES[name]  # so no Domain, as __Host- demands


def test_the_life_of_a_session(ada: httpx.Client) -> None:
    assert ada.post(EXPENSES, json=LUNCH).status_code == 201
    assert len(ada.get(EXPENSES).json()["items"]) == 1
    eventually(lambda: "__Secure-ea_refresh" in set_cookies(ada.post(f"{AUTH}/refresh")))
    assert ada.get(f"{AUTH}/me").status_code == 200
    answer = ada.post(f"{AUTH}/logout")
    assert answer.status_code == 204
    cleared = {
        name: value for name, (value, attributes) in set_cookies(answer).items() if "Max-Age=0" in attributes
    }
    assert cleared.keys() == {"__Host-ea_access", "__Secure-ea_refresh"}
    for name in cleared:
        assert set_cookies(answer)[name][1] - {"Max-Age=0"} == COOKIES[name]
    problem(ada.get(f"{AUTH}/me"), 401, "not_authenticated")
    problem(ada.get(EXPENSES), 401, "not_authenticated")


@pytest.mark.parametrize("path", [EXPENSES, f"{AUTH}/me"])
def test_only_the_prefixed_access_cookie_is_read(
    ada: httpx.Client, browser: Callable[..., httpx.Client], path: str
) -> None:
    token = ada.cookies["__Host-ea_access"]
    assert browser(Cookie=f"__Host-ea_access={token}").get(path).status_code == 200
    for name in ("ea_access", "__Secure-ea_access", "__host-ea_access"):
        problem(browser(Cookie=f"{name}={token}").get(path), 401, "not_authenticated")
    both = f"ea_access=planted; __Host-ea_access={token}"
    assert browser(Cookie=both).get(path).status_code == 200


def test_only_the_prefixed_refresh_cookie_is_read(
    ada: httpx.Client, browser: Callable[..., httpx.Client]
) -> None:
    token = ada.cookies["__Secure-ea_refresh"]
    problem(browser(Cookie=f"ea_refresh={token}").post(f"{AUTH}/refresh"), 401, "not_authenticated")
    assert browser(Cookie=f"__Secure-ea_refresh={token}").post(f"{AUTH}/refresh").status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"), [("OWN", 201), ("http://localhost:PORT", 403), ("https://localhost", 403)]
)
def test_the_origin_is_the_https_one(secure: Stack, ada: httpx.Client, origin: str, status: int) -> None:
    port = secure.base_url.rsplit(":", 1)[1]
    said = origin.replace("OWN", secure.base_url).replace("PORT", port)
    assert ada.post(EXPENSES, json=LUNCH, headers={"Origin": said}).status_code == status


# --- https and http ----------------------------------------------------------------------------


def test_https_is_remembered_and_http_says_nothing_of_it(
    secure: Stack, browser: Callable[..., httpx.Client]
) -> None:
    for path in ("/healthz", EXPENSES, "/nowhere"):
        assert browser().get(path).headers["strict-transport-security"] == "max-age=31536000"
        assert "strict-transport-security" not in plain(secure, "GET", path).headers


def test_http_leads_reads_to_https_and_takes_no_secret(secure: Stack) -> None:
    answer = plain(secure, "GET", f"{EXPENSES}/docs?x=1")
    assert (answer.status_code, answer.headers["location"]) == (301, f"{secure.base_url}{EXPENSES}/docs?x=1")
    problem(plain(secure, "POST", f"{AUTH}/login"), 404, "not_found")
    problem(plain(secure, "GET", EXPENSES, Authorization="Bearer a.b.c"), 404, "not_found")


def test_another_certificate_is_not_the_products(secure: Stack) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{secure.base_url}/healthz")


# --- an outer proxy ------------------------------------------------------------------------------


@pytest.mark.parametrize(("address", "seen"), [("127.0.0.1", "127.0.0.0"), ("127.0.0.2", "203.0.113.0")])
def test_the_clients_address_is_what_a_trusted_proxy_says_and_nobody_else(
    signed_in: Callable[..., httpx.Client], address: str, seen: str
) -> None:
    client = signed_in(address, **{"X-Forwarded-For": "198.51.100.7, 203.0.113.9"})
    sessions = client.get(f"{AUTH}/sessions").json()["items"]
    assert [session["ip"] for session in sessions] == [seen]


# --- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["auth", "expenses"])
@pytest.mark.parametrize(
    "origin",
    ["http://other.example", "http://localhost.other.example", "http://10.0.0.1:8080", "http://0.0.0.0"],
)
def test_plain_http_is_for_localhost_only(service: str, origin: str) -> None:
    folder = bootstrap.ROOT / "services" / service
    variable = f"{service.upper()}_PUBLIC_ORIGIN"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "src", variable: origin}
    command = [str(folder / ".venv/bin/python"), "-m", f"{service}_service"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if variable in line]
    assert lines == [
        f"{variable} is not valid: may be http:// for localhost, 127.0.0.1 and [::1] only; use https://."
    ]
    assert "Traceback" not in done.stderr
