"""Guessing passwords through the gateway, from an address of one's own."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from actors import AUTH, PASSWORD, TRUST, Person, new_client, new_email, problem
from infra.local.stack import Stack

pytestmark = pytest.mark.own_stack
FAILURES = 200  # as conftest.py sets it
CROWD = 200
OF_THE_MOMENT = {"date", "x-request-id", "retry-after", "ratelimit"}
_hosts = itertools.count(2)


@contextmanager
def crowd(stack: Stack) -> Iterator[list[httpx.Client]]:
    """Clients with one other address of the loopback network, which the gateway sees."""
    address = f"127.0.0.{next(_hosts)}"
    with ExitStack() as opened:
        transports = (httpx.HTTPTransport(TRUST, local_address=address) for _ in range(CROWD))
        clients = (httpx.Client(base_url=stack.base_url, transport=each, timeout=20) for each in transports)
        yield [opened.enter_context(client) for client in clients]


@pytest.fixture
def stranger(stack: Stack) -> Iterator[httpx.Client]:
    """One of them."""
    with crowd(stack) as clients:
        yield clients[0]


def guess(client: httpx.Client, number: int, **headers: str) -> httpx.Response:
    form = {"email": f"person-{number}@example.com", "password": "not the right one"}
    return client.post(f"{AUTH}/login", json=form, headers=headers)


def test_a_thousand_guesses_stop_at_the_limit_whatever_the_address_claims_to_be(
    stranger: httpx.Client, ada: Person
) -> None:
    statuses = []
    for number in range(1000):
        claimed = f"203.0.113.{number % 250}"
        forged = {"X-Forwarded-For": claimed, "Forwarded": f"for={claimed}", "X-Real-IP": claimed}
        statuses.append(guess(stranger, number, **forged).status_code)
    assert statuses == [401] * FAILURES + [429] * (1000 - FAILURES)
    refused = guess(stranger, 1)
    problem(refused, 429, "rate_limited")
    assert 0 < int(refused.headers["retry-after"]) <= 600
    assert refused.headers["ratelimit-policy"] == f'"address";q={FAILURES};w=600'
    assert refused.headers["ratelimit"] == f'"address";r=0;t={refused.headers["retry-after"]}'
    assert ada.sign_in().status_code == 200  # from another address


def test_a_stranger_slows_the_account_down_but_not_its_owner(
    stranger: httpx.Client, person: Callable[..., Person]
) -> None:
    """Of three tries one has to tell, since what is refused is refused for a second only."""
    assert any(slows_down(stranger, person()) for _ in range(3))


def slows_down(stranger: httpx.Client, ada: Person) -> bool:
    """Whether the stranger was refused, also with the right password; the owner must not be."""
    wrong = {"email": ada.email, "password": "not the right one"}
    forms = [wrong] * 6 + [wrong | {"password": PASSWORD}]
    answers = [stranger.post(f"{AUTH}/login", json=form) for form in forms]
    stranger.cookies.clear()
    assert ada.sign_in().status_code == 200  # a device that signed in before
    if [answer.status_code for answer in answers] != [401] * 5 + [429] * 2:
        return False
    problem(answers[-1], 429, "rate_limited")
    return True


def test_known_and_unknown_addresses_get_the_same_answers(
    stranger: httpx.Client, person: Callable[..., Person]
) -> None:
    """Of three tries one has to tell, as above."""
    assert any(are_answered_alike(stranger, person()) for _ in range(3))


def are_answered_alike(stranger: httpx.Client, ada: Person) -> bool:
    def seen(email: str) -> tuple[object, ...]:
        answer = stranger.post(f"{AUTH}/login", json={"email": email, "password": "not the right one"})
        body = problem(answer, answer.status_code, answer.json()["code"])
        del body["request_id"]
        headers = [pair for pair in answer.headers.items() if pair[0] not in OF_THE_MOMENT]
        return answer.status_code, body, list(answer.headers), headers

    unknown = new_email()
    pairs = [(seen(ada.email), seen(unknown)) for _ in range(6)]
    for known, other in pairs:
        assert known == other or known[0] != other[0]
    return [(known[0], other[0]) for known, other in pairs] == [(401, 401)] * 5 + [(429, 429)]


def test_a_crowd_at_the_door_leaves_others_their_way(stack: Stack, ada: Person) -> None:
    """Passwords are worked on in a line of their own: others are answered before the crowd is.

    Unless the machine stands still until the crowd is through: of three tries one has to tell.
    """
    assert any(still_waiting(stack, ada) for _ in range(3))
    assert ada.sign_in().status_code == 200


def still_waiting(stack: Stack, ada: Person) -> int:
    """How many of the crowd, when others have been answered."""
    with crowd(stack) as clients, ThreadPoolExecutor(CROWD) as threads:
        attempts = [threads.submit(guess, client, number) for number, client in enumerate(clients)]
        next(as_completed(attempts))
        others = [ada.client.get(f"{AUTH}/me"), new_client(stack.place.url("auth")).get("/livez")]
        waiting = sum(not attempt.done() for attempt in attempts)
    assert [answer.status_code for answer in others] == [200, 200]
    told = {(401, "invalid_credentials"), (503, "busy"), (503, "unavailable")}
    for answer in (attempt.result() for attempt in attempts):
        assert (answer.status_code, answer.json()["code"]) in told
    return waiting
