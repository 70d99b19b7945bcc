"""Keys rotate while people work: nobody notices."""

import base64
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from actors import AUTH, EXPENSES, LUNCH, Person, new_client, part
from infra.local.stack import Stack

pytestmark = pytest.mark.own_stack
ROTATIONS = 3
PEOPLE = 6
FOLLOW_SECONDS = 8.0  # five until every replica signs with the new key, then a refresh


def kid_of(token: str) -> str:
    return str(part(token, 0)["kid"])


def published(stack: Stack) -> list[str]:
    answer = new_client(stack.base_url).get("/.well-known/jwks.json")
    assert answer.status_code == 200
    return [key["kid"] for key in answer.json()["keys"]]


def works(person: Person, over: Event) -> Counter[tuple[str, int]]:
    """Reads, writes and refreshes until it is over; how often each was answered with what."""
    answers: Counter[tuple[str, int]] = Counter()
    calls = [("GET", EXPENSES, None), ("POST", EXPENSES, LUNCH)]
    calls += [("GET", f"{AUTH}/me", None), ("POST", f"{AUTH}/refresh", None)]
    while not over.is_set():
        for method, path, body in calls:
            answer = person.client.request(method, path, json=body)
            answers[f"{method} {path}", answer.status_code] += 1
        time.sleep(0.02)
    return answers


def forges(stack: Stack, over: Event) -> set[int]:
    """Sends tokens of keys that never were, which must not keep readers from those that are."""
    client, statuses = new_client(stack.base_url), set()
    while not over.is_set():
        header = {"alg": "RS256", "typ": "at+jwt", "kid": secrets.token_urlsafe(32)}
        token = ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in (header, {}, "signature")
        )
        for path in (EXPENSES, f"{AUTH}/me"):
            answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
            statuses.add(answer.status_code)
        time.sleep(0.02)
    return statuses


def rotated(stack: Stack) -> tuple[str, str]:
    """The key that signed and the one that does now."""
    done = stack.operate("auth", "keys-rotate")
    assert done.returncode == 0, done.stderr
    new, old = done.stdout.splitlines()[-2:]
    return old.split()[0], new.split()[0]


def test_keys_rotate_under_load_and_nobody_is_turned_away(
    stack: Stack, person: Callable[..., Person]
) -> None:
    people = [person() for _ in range(PEOPLE)]
    idle = person()
    first = kid_of(idle.cookie("ea_refresh"))
    kids = [first]
    over = Event()
    with ThreadPoolExecutor(PEOPLE + 1) as threads:
        working = [threads.submit(works, each, over) for each in people]
        forging = threads.submit(forges, stack, over)
        try:
            for _ in range(ROTATIONS):
                old, new = rotated(stack)
                assert old == kids[-1]
                assert {old, new} <= set(published(stack))
                kids.append(new)
            time.sleep(FOLLOW_SECONDS)
        finally:
            over.set()
        answers = sum((each.result() for each in working), Counter[tuple[str, int]]())
    assert {status for _, status in answers} == {200, 201}, answers
    assert forging.result() == {401}
    assert min(answers.values()) > 20 * PEOPLE

    assert {kid_of(each.cookie("ea_access")) for each in people} == {kids[-1]}
    assert set(kids) <= set(published(stack))
    assert len(set(kids)) == 1 + ROTATIONS
    assert idle.client.get(EXPENSES).status_code == 200  # its access token is of the first key
    assert idle.client.post(f"{AUTH}/refresh").status_code == 200
    assert kid_of(idle.cookie("ea_access")) == kids[-1]
