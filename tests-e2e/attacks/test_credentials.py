"""What people and attackers send as addresses, passwords and profiles, and what becomes of it."""

import json
import secrets
import socket
from typing import Any

import httpx
import pytest

from actors import AUTH, PASSWORD, Person, eventually, new_client, new_email, problem
from infra.local.stack import Stack

NEW_PASSWORD = "plums, velvet and 42 orbits"
MOST_CHARACTERS = 256
FORGED = '{"event":"forged","level":"info"}'


@pytest.fixture
def nobody(base_url: str) -> httpx.Client:
    """A client without credentials."""
    return new_client(base_url)


def register(client: httpx.Client, **form: Any) -> httpx.Response:
    return client.post(f"{AUTH}/register", json={"email": new_email(), "password": PASSWORD} | form)


def login(client: httpx.Client, email: str, password: str) -> httpx.Response:
    return client.post(f"{AUTH}/login", json={"email": email, "password": password})


def errors(answer: httpx.Response) -> list[tuple[str, str]]:
    found = problem(answer, 422, "validation_error")["errors"]
    return [(error["pointer"], error["code"]) for error in found]


# --- passwords --------------------------------------------------------------------------------------

EXTRAORDINARY = {
    "NUL at the start": "\0 is a byte like any other",
    "NUL in the middle": "one\0two\0three four",
    "NUL at the end": "seven and twenty nuts\0",
    "emoji": "🐘🦊 piano 🧵 lamp 🥑",
    "white space at both ends": "  between two silences  ",
    "a combining accent": "cafe\u0301 au lait at noon",
    "256 characters of one byte": ("q8#zWx, " * 40)[:MOST_CHARACTERS],
    "256 characters of four bytes": "".join(chr(0x1F300 + 37 * n % 509) for n in range(MOST_CHARACTERS)),
}


@pytest.mark.own_stack
@pytest.mark.parametrize("name", EXTRAORDINARY)
def test_every_character_of_a_password_counts(nobody: httpx.Client, name: str) -> None:
    email, password = new_email(), EXTRAORDINARY[name]
    assert register(nobody, email=email, password=password).status_code == 201
    for near in {password[:-1], password[1:], password.strip(), password.replace("\0", "")} - {password}:
        problem(login(nobody, email, near), 401, "invalid_credentials")
    assert login(nobody, email, password).status_code == 200
    change = {"current_password": password, "new_password": password[::-1]}
    assert nobody.post(f"{AUTH}/password", json=change).status_code == 204
    problem(login(nobody, email, password), 401, "invalid_credentials")
    assert login(nobody, email, password[::-1]).status_code == 200


@pytest.mark.parametrize("characters", [MOST_CHARACTERS + 1, 1_000_000])
def test_a_longer_one_is_refused_unhashed(ada: Person, characters: int) -> None:
    """More often than passwords may be wrong: none of these is compared, so none counts as a guess."""
    long = "x" * characters
    calls: list[tuple[str, str, dict[str, str], str]] = [
        ("POST", "/login", {"email": ada.email, "password": long}, "/password"),
        ("POST", "/register", {"email": new_email(), "password": long}, "/password"),
        ("POST", "/password", {"current_password": long, "new_password": NEW_PASSWORD}, "/current_password"),
        ("POST", "/password", {"current_password": PASSWORD, "new_password": long}, "/new_password"),
        ("DELETE", "/me", {"current_password": long}, "/current_password"),
    ]
    for _ in range(6):
        for method, path, form, pointer in calls:
            answer = ada.client.request(method, AUTH + path, json=form)
            assert errors(answer) == [(pointer, "string_too_long")]
            assert len(answer.content) < 1000
    assert ada.sign_in().status_code == 200


def test_one_that_no_body_holds_is_not_even_read(nobody: httpx.Client) -> None:
    problem(login(nobody, new_email(), "x" * 2**20), 413, "body_too_large")


# --- profiles ---------------------------------------------------------------------------------------

PRIVILEGES: dict[str, Any] = {
    "is_admin": True, "ver": 9, "id": "01900000-0000-7000-8000-000000000000", "version": 9, "role": "admin",
    "scope": "admin", "disabled_at": None, "password_hash": "x", "__proto__": {"is_admin": True},
}  # fmt: skip


@pytest.mark.parametrize("name", PRIVILEGES)
def test_nobody_makes_themselves_more_than_they_are(nobody: httpx.Client, ada: Person, name: str) -> None:
    more, email = {name: PRIVILEGES[name]}, new_email()
    unknown = [(f"/{name}", "unknown_field")]
    assert errors(register(nobody, email=email, **more)) == unknown
    assert register(nobody, email=email).status_code == 201  # the address is still free
    form = {"email": ada.email, "password": PASSWORD}
    assert errors(nobody.post(f"{AUTH}/login", json=form | more)) == unknown
    before = ada.client.get(f"{AUTH}/me").text
    assert errors(ada.client.patch(f"{AUTH}/me", json={"name": "Ada"} | more)) == unknown
    assert ada.client.get(f"{AUTH}/me").text == before


LONE = {"email": "\ud800@example.com", "password": "a walk in the \udfff, 1987", "name": "\ud83d"}


@pytest.mark.parametrize("name", LONE)
def test_half_a_character_is_no_text(nobody: httpx.Client, ada: Person, name: str) -> None:
    headers = {"Content-Type": "application/json"}
    form = {"email": new_email(), "password": PASSWORD, name: LONE[name]}
    answer = nobody.post(f"{AUTH}/register", content=json.dumps(form), headers=headers)
    assert [pointer for pointer, _ in errors(answer)] == [f"/{name}"]
    if name != "name":
        answer = nobody.post(f"{AUTH}/login", content=json.dumps(form), headers=headers)
        assert [pointer for pointer, _ in errors(answer)] == [f"/{name}"]
    change = {"name": LONE[name]}
    answer = ada.client.patch(f"{AUTH}/me", content=json.dumps(change), headers=headers)
    assert [pointer for pointer, _ in errors(answer)] == ["/name"]


# --- what the logs say ------------------------------------------------------------------------------


def lines(stack: Stack, part: str, request_id: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stack.log(part).split("\n") if f'"{request_id}"' in line]


def is_logged_once(stack: Stack, request_id: str) -> None:
    """In one line of auth, one of the gateway, and nowhere with what was planted."""
    for part in ("auth", "gateway"):
        eventually(lambda part=part: lines(stack, part, request_id))
    assert [line["event"] for line in lines(stack, "auth", request_id)] == ["request"]
    assert len(lines(stack, "gateway", request_id)) == 1
    for part in ("auth", "expenses", "gateway", "postgres", "sessions", "cache"):
        assert "forged" not in stack.log(part), part


@pytest.mark.own_stack
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\0", "\u2028"], ids=repr)
def test_an_address_of_two_lines_is_one_line_in_the_log(stack: Stack, nobody: httpx.Client, end: str) -> None:
    form = {"email": f"{new_email()}{end}{FORGED}", "password": PASSWORD}
    for path, status in (("register", 422), ("login", 401)):
        request_id = secrets.token_hex(8)
        answer = nobody.post(f"{AUTH}/{path}", json=form, headers={"X-Request-ID": request_id})
        assert answer.status_code == status
        assert "forged" not in answer.text
        is_logged_once(stack, request_id)


@pytest.mark.own_stack
@pytest.mark.parametrize(
    ("agent", "status"),
    [
        (f"curl\r\n {FORGED}", 200),  # folded, as RFC 9112 once allowed: the gateway makes one line of it
        (f"curl\t{FORGED}", 200),
        (f"curl\x85{FORGED}", 200),
        (f"curl\n{FORGED}", 400),
        (f"curl\r{FORGED}", 400),
        (f"curl\0{FORGED}", 400),
    ],
    ids=repr,
)
def test_a_user_agent_of_two_lines_is_one_line_everywhere(
    stack: Stack, ada: Person, agent: str, status: int
) -> None:
    request_id = secrets.token_hex(8)
    body = json.dumps({"email": ada.email, "password": PASSWORD})
    head = [f"POST {AUTH}/login HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    head += [f"Content-Length: {len(body)}", f"X-Request-ID: {request_id}", f"User-Agent: {agent}"]
    head += ["Connection: close", "", ""]
    with socket.create_connection(("127.0.0.1", stack.place.ports["gateway"]), timeout=10) as connection:
        connection.sendall("\r\n".join(head).encode("latin-1") + body.encode())
        assert connection.makefile("rb").readline().split()[1] == str(status).encode()
    if status == 200:
        is_logged_once(stack, request_id)
        event = ada.client.get(f"{AUTH}/events").json()["items"][0]
        shown = [event["user_agent"], ada.client.get(f"{AUTH}/sessions").json()["items"][0]["user_agent"]]
        assert all("forged" in text and len(text.splitlines()) == 1 for text in shown), shown
    else:
        assert lines(stack, "auth", request_id) == []
