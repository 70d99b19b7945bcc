"""One of two replicas is told to end and started again, as a rollout does it: nobody is refused meanwhile."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest

from actors import AUTH, EXPENSES, LUNCH, Person
from faults.crowd import in_time, is_refusal
from faults.stack import WiredStack, say

pytestmark = [pytest.mark.own_stack, pytest.mark.faults]
PEOPLE = 4
DRAIN_SECONDS = "3"
"""As the images have it: long enough for the gateway to see that a replica is going."""


@contextmanager
def asking(stack: WiredStack) -> Iterator[list[str]]:
    """People who read and write of both services all the time; what they were refused."""
    over, refused, people = Event(), [], [Person.signed_in(stack.base_url) for _ in range(PEOPLE)]

    def ask(person: Person) -> int:
        calls = (
            lambda: person.client.post(EXPENSES, json=LUNCH),
            lambda: person.client.get(EXPENSES),
            lambda: person.client.get(f"{AUTH}/me"),
            lambda: person.client.patch(f"{AUTH}/me", json={"name": "Ada"}),
        )
        asked = 0
        while not over.is_set():
            for call in calls:
                answer = in_time(call)
                asked += 1
                if is_refusal(answer):
                    refused.append(f"{answer.request.method} {answer.url.path} {answer.status_code}")
        return asked

    with ThreadPoolExecutor(PEOPLE) as pool:
        done = [pool.submit(ask, person) for person in people]
        try:
            yield refused
        finally:
            over.set()
        asked = sum(each.result() for each in done)
    say(f"{asked} requests, {len(refused)} refused")
    assert asked > 100


@pytest.mark.parametrize("name", ["auth-2", "expenses-2"])
def test_a_replica_that_ends_while_asked_refuses_nobody(
    wires: WiredStack, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{name.partition('-')[0].upper()}_DRAIN_SECONDS", DRAIN_SECONDS)
    wires.stop(name)
    wires.start(name)
    with asking(wires) as refused:
        time.sleep(2)
        wires.stop(name)
        time.sleep(1)
        wires.start(name)
        time.sleep(2)
    assert refused == []
