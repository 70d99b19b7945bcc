"""What the logs of all parts tell of one request, and what they never tell. Run after all other tests.

Each private text holds the same made word; what the tests before wrote is looked for by its form.
"""

import json
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from actors import AUTH, EXPENSES, LUNCH, PASSWORD, Person, eventually, new_client, problem
from infra.local.stack import Stack
from private import FORMS, told

pytestmark = pytest.mark.own_stack
WORD = "xylograph"  # in no name, path or message of ours
PARTS = ("auth", "expenses", "gateway", "postgres", "sessions", "cache")
PRIVATE = {
    "description": f"{WORD} of a lunch",
    "notes": f"what the {WORD} said, in full",
    "merchant": f"{WORD.title()} & Sons",
}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def writer(stack: Stack) -> Person:
    """Somebody with an address, a name and a password of their own."""
    client = new_client(stack.base_url)
    person = Person(client, f"{WORD}-{time.time_ns()}@example.com")
    form = {"email": person.email, "password": f"{WORD} under the bed"}
    assert client.post(f"{AUTH}/register", json=form).status_code == 201
    problem(client.post(f"{AUTH}/register", json=form), 409, "email_taken")  # a row that Postgres refuses
    assert person.sign_in(form["password"]).status_code == 200
    assert person.sign_in(f"{WORD} and wrong").status_code == 401
    return person


def lines(stack: Stack, part: str, **members: Any) -> Iterator[dict[str, Any]]:
    """Lines of a part's log that have these members."""
    for line in stack.log(part).splitlines():
        document: dict[str, Any] = json.loads(line)
        if members.items() <= document.items():
            yield document


def the_line(stack: Stack, part: str, **members: Any) -> dict[str, Any]:
    """The one such line, which is written behind the answer."""
    eventually(lambda: any(lines(stack, part, **members)))
    (line,) = lines(stack, part, **members)
    return line


def write_all_ways(person: Person) -> None:
    """Private texts by every way in, accepted and refused."""
    client = person.client
    made = person.record(**PRIVATE, external_id=f"{WORD}-1", source="bank")
    again = LUNCH | PRIVATE | {"external_id": f"{WORD}-1", "source": "bank"}
    assert client.post(EXPENSES, json=again).status_code == 409
    url, patch = f"{EXPENSES}/{made['id']}", {"Content-Type": "application/merge-patch+json"}
    client.patch(url, content=json.dumps({"notes": PRIVATE["notes"] * 2}), headers=patch)
    client.post(EXPENSES, json=LUNCH | PRIVATE | {"amount": WORD, WORD: WORD})
    half, json_type = f'{{"description": "{WORD}', {"Content-Type": "application/json"}
    client.post(EXPENSES, content=half.encode(), headers=json_type)
    client.get(EXPENSES, params={"q": WORD, "cursor": WORD, "category": WORD})
    operations = [{"op": "create", "expense": LUNCH | PRIVATE}, {"op": WORD}]
    client.post(f"{EXPENSES}/bulk", json={"operations": operations})
    row = f"amount,currency,description,{WORD}\n1.00,EUR,{WORD},{WORD}\nx,{WORD},{WORD}\n"
    client.post(f"{EXPENSES}/import", content=row.encode(), headers={"Content-Type": "text/csv"})
    client.get(f"{EXPENSES}/export", params={"format": "csv", "q": WORD})
    token = client.post(f"{AUTH}/tokens", json={"name": WORD, "scopes": ["expenses:read"]}).json()["token"]
    for agent in ("plain", WORD):
        script = new_client(client.base_url, Authorization=f"Bearer {token}", **{"User-Agent": agent})
        assert script.get(EXPENSES).status_code == 200


def fail_while_postgres_hangs(stack: Stack, person: Person) -> None:
    """A write that Postgres cancels, and one that finds no connection."""
    stack.signal("postgres", signal.SIGSTOP)
    try:
        assert person.client.post(EXPENSES, json=LUNCH | PRIVATE).status_code == 503
    finally:
        stack.signal("postgres", signal.SIGCONT)


def test_no_log_tells_what_somebody_wrote(stack: Stack, writer: Person) -> None:
    write_all_ways(writer)
    fail_while_postgres_hangs(stack, writer)
    stack.stop("cache")
    try:
        eventually(lambda: writer.client.get(EXPENSES, params={"q": WORD}).status_code == 200)
    finally:
        stack.start("cache")
    assert "duplicate key" in stack.log("postgres")  # it does tell what went wrong
    for part in PARTS:
        said = [line for line in stack.log(part).splitlines() if WORD in line.lower()]
        assert not said, part


@pytest.mark.parametrize("form", FORMS)
def test_no_log_of_all_these_tests_has(stack: Stack, form: str) -> None:
    for part in PARTS:
        assert form not in told(stack.log(part)), part


def test_the_forms_are_those_of_what_is_secret(writer: Person) -> None:
    """Else that none is found would mean nothing."""
    asked = {"name": "n", "scopes": ["expenses:read"]}
    token = writer.client.post(f"{AUTH}/tokens", json=asked).json()["token"]
    secrets = {
        "an e-mail address": writer.email,
        "a token": writer.cookie("ea_access"),
        "a personal access token": token,
        "a cookie": f"ea_access={writer.cookie('ea_access')}",
        "a query": '"path": "/api/v1/expenses?q=x"',
        "a password": f"… {PASSWORD} …",
    }
    assert {name for name, text in secrets.items() if name in told(text)} == set(FORMS)


def test_a_failed_request_is_found_in_all_parts_by_its_id(stack: Stack, ada: Person) -> None:
    made = ada.record()
    headers = {"X-Request-ID": f"find-me-{time.time_ns()}", "traceparent": TRACEPARENT, "If-Match": '"0"'}
    answer = ada.client.delete(f"{EXPENSES}/{made['id']}", headers=headers)
    problem(answer, 412, "version_conflict")
    line = the_line(stack, "expenses", event="request", request_id=headers["X-Request-ID"])
    assert line["duration_ms"] > 0
    assert (line["method"], line["route"]) == ("DELETE", f"{EXPENSES}/{{expense_id}}")
    assert (line["path"], line["status"]) == (f"{EXPENSES}/{made['id']}", 412)
    assert (line["problem"], line["user_id"]) == ("version_conflict", ada.id)
    assert line["trace_id"] == TRACE
    line = the_line(stack, "gateway", **{"request_X-Request-Id": headers["X-Request-ID"]})
    assert (line["DownstreamStatus"], line["RouterName"]) == (412, "public@file -> expenses-writes@file")


def test_why_a_service_was_unavailable_is_told_under_the_request(stack: Stack, ada: Person) -> None:
    request_id = f"why-{time.time_ns()}"
    direct = new_client(stack.place.url("auth"), Cookie=f"ea_access={ada.cookie('ea_access')}")
    stack.stop("postgres")
    try:
        problem(direct.get(f"{AUTH}/sessions", headers={"X-Request-ID": request_id}), 503, "unavailable")
    finally:
        stack.start("postgres")
    the_line(stack, "auth", event="request", request_id=request_id)
    events = {line["event"]: line for line in lines(stack, "auth", request_id=request_id)}
    assert events["database_unavailable"]["reason"]
    assert (events["request"]["status"], events["request"]["problem"]) == (503, "unavailable")
