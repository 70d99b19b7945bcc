"""People who use the product, as browsers and as scripts."""

import base64
import itertools
import json
import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import httpx

import declared

AUTH = "/api/v1/auth"
EXPENSES = "/api/v1/expenses"
PASSWORD = "a walk in the park, 1987"
LUNCH = {"amount": "12.50", "currency": "EUR", "description": "Lunch", "category": "food"}

# One for all clients: each would read the certificates of this machine anew, which takes 40 ms.
TRUST = ssl.create_default_context()
_numbers = itertools.count()
_open_clients: list[httpx.Client] = []


def new_client(base_url: str | httpx.URL, **headers: str) -> httpx.Client:
    """A client with a cookie jar of its own; `close_clients` closes it when the test is over."""
    looked_at = {"response": [declared.check]}
    client = httpx.Client(base_url=base_url, headers=headers, timeout=20, verify=TRUST, event_hooks=looked_at)
    _open_clients.append(client)
    return client


def close_clients() -> None:
    """Close all clients that have been made."""
    while _open_clients:
        _open_clients.pop().close()


def new_email() -> str:
    """An address that nobody has."""
    return f"person-{next(_numbers)}-{secrets.token_hex(6)}@example.com"


@dataclass
class Person:
    """Somebody with an account and a client that keeps their cookies."""

    client: httpx.Client
    email: str
    id: str = ""

    @classmethod
    def register(cls, base_url: str, **profile: str) -> Self:
        person = cls(new_client(base_url), new_email())
        answer = person.client.post(
            f"{AUTH}/register", json={"email": person.email, "password": PASSWORD, **profile}
        )
        assert answer.status_code == 201, answer.text
        person.id = answer.json()["id"]
        return person

    @classmethod
    def signed_in(cls, base_url: str, **profile: str) -> Self:
        person = cls.register(base_url, **profile)
        assert person.sign_in().status_code == 200
        return person

    def sign_in(self, password: str = PASSWORD) -> httpx.Response:
        return self.client.post(f"{AUTH}/login", json={"email": self.email, "password": password})

    def cookie(self, name: str) -> str:
        return next(cookie.value or "" for cookie in self.client.cookies.jar if cookie.name == name)

    def script(self) -> httpx.Client:
        """A client of the same session that has the access token as its bearer and no cookies."""
        return new_client(self.client.base_url, Authorization=f"Bearer {self.cookie('ea_access')}")

    def with_cookies(self, *cookies: str) -> httpx.Client:
        """A client that sends exactly these cookies, `name=value`."""
        return new_client(self.client.base_url, Cookie="; ".join(cookies))

    def record(self, **fields: Any) -> dict[str, Any]:
        answer = self.client.post(EXPENSES, json=LUNCH | fields)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def list(self, **parameters: Any) -> list[dict[str, Any]]:
        answer = self.client.get(EXPENSES, params=parameters)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


def part(token: str, number: int) -> Any:
    """The header (0) or the claims (1) of a token."""
    text = token.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The document of an answer that must be this problem."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
        answer.text
    )
    document: dict[str, Any] = answer.json()
    assert document["code"] == code, document
    assert document["status"] == status
    assert document["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"
    return document


def in_time(measured: Callable[[], float], seconds: float) -> None:
    """The first try is, or the two after it are: a moment may be slow, most of them are not."""
    tries = [measured()]
    if tries[0] >= seconds:
        tries += [measured(), measured()]
        assert max(tries[1:]) < seconds, tries


def seconds_until(holds: Callable[[], bool]) -> float:
    """How long it takes from now on."""
    began = time.monotonic()
    eventually(holds)
    return time.monotonic() - began


def eventually(holds: Any, seconds: float = 15.0) -> None:
    """Wait until `holds()` is true, or fail."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
