"""Failures of many kinds, each explained by what `make logs REQUEST=…` prints of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from actors import AUTH, EXPENSES, LUNCH, PASSWORD, Person, eventually, new_client, problem
from infra.local import logs
from infra.local.here import Here
from infra.local.stack import Stack

pytestmark = pytest.mark.own_stack


@contextmanager
def stopped(stack: Stack, part: str) -> Iterator[None]:
    stack.stop(part)
    try:
        yield
    finally:
        stack.start(part)
        client = new_client(stack.base_url)  # the gateway looks once a second who is ready
        eventually(lambda: {client.get(path).status_code for path in (f"{AUTH}/me", EXPENSES)} == {401})


def named(prefix: str) -> dict[str, str]:
    """A request's id, as a client may give it."""
    return {"X-Request-ID": f"{prefix}-{time.time_ns()}"}


def explained(stack: Stack, answer: httpx.Response, *parts: str) -> str:
    """What is printed of it, once each of these parts has told its answer."""
    request_id = answer.headers["x-request-id"]

    def told() -> list[str]:
        return logs.of_request(logs.local(stack.data), request_id)

    eventually(lambda: {line.split()[1] for line in told() if "→" in line} >= set(parts))
    return "\n".join(told())


def direct(stack: Stack, service: str, person: Person) -> httpx.Client:
    """Past the gateway, which takes a service out a second after its database went."""
    return new_client(stack.place.url(service), Authorization=f"Bearer {person.cookie('ea_access')}")


def test_postgres_gone(stack: Stack, ada: Person) -> None:
    client = direct(stack, "expenses", ada)
    assert client.get(EXPENSES).status_code == 200
    with stopped(stack, "postgres"):
        write = client.post(EXPENSES, json=LUNCH, headers=named("write"))
        read = client.get(EXPENSES, headers=named("read"))
        by_gateway = ada.client.get(EXPENSES, headers=named("gateway"))
        mine = direct(stack, "auth", ada).get(f"{AUTH}/me", headers=named("me"))
    for answer in (write, read, by_gateway, mine):
        problem(answer, 503, "unavailable")
    said = explained(stack, write, "expenses")
    assert "503 unavailable, because: postgres, direct: " in said
    assert "warning database_unavailable reason=" in said
    assert "because: postgres, versions: " in explained(stack, read, "expenses")
    assert "because: postgres: " in explained(stack, mine, "auth")
    assert "because: " in explained(stack, by_gateway, "gateway")


def test_sessions_gone(stack: Stack, ada: Person) -> None:
    form = {"email": ada.email, "password": PASSWORD}
    with stopped(stack, "sessions"):
        answer = ada.client.post(f"{AUTH}/login", json=form, headers=named("login"))
    problem(answer, 503, "unavailable")
    said = explained(stack, answer, "gateway", "auth")
    assert "POST /api/v1/auth/login → 503 unavailable, because: redis sessions: ConnectionError" in said
    assert "POST /api/v1/auth/login → 503; " in said


def test_a_revoked_session(stack: Stack, ada: Person) -> None:
    script = ada.script()
    assert script.get(EXPENSES).status_code == 200
    assert ada.client.post(f"{AUTH}/logout").status_code == 204
    eventually(lambda: script.get(EXPENSES).status_code == 401)
    for service, path in (("expenses", EXPENSES), ("auth", f"{AUTH}/me")):
        answer = script.get(path, headers=named("revoked"))
        problem(answer, 401, "session_revoked")
        assert "401 session_revoked, because: session " in explained(stack, answer, service)
        assert f" of {ada.id}" in explained(stack, answer, service)


def test_auth_gone_for_a_personal_token(stack: Stack, ada: Person) -> None:
    asked = {"name": "n", "scopes": ["expenses:read"]}
    made = ada.client.post(f"{AUTH}/tokens", json=asked).json()
    script = new_client(ada.client.base_url, Authorization=f"Bearer {made['token']}")
    assert script.get(EXPENSES).status_code == 200
    with stopped(stack, "auth"):
        answer = script.get(EXPENSES, headers=named("exchange"))
    problem(answer, 503, "unavailable")
    said = explained(stack, answer, "gateway", "expenses")
    assert "expenses-by-token@file" in said
    assert "because: gateway: no server of the service is ready" in said
    assert ada.client.delete(f"{AUTH}/tokens/{made['id']}").status_code == 204
    eventually(lambda: script.get(EXPENSES).status_code == 401)
    answer = script.get(EXPENSES)
    assert f"because: token {made['id']} of {ada.id}: revoked" in explained(stack, answer, "gateway", "auth")


def test_an_import_with_errors(stack: Stack, ada: Person) -> None:
    rows = "amount,currency,description\n1.00,EUR,fine\n1.001,EUR,x\n1,XXX,x\n2,XXX,x\n"
    csv = {"Content-Type": "text/csv"}
    answer = ada.client.post(f"{EXPENSES}/import", content=rows.encode(), headers=csv | named("import"))
    problem(answer, 422, "validation_error")
    said = explained(stack, answer, "gateway", "expenses")
    assert "422 validation_error, because: amount_scale 1, unknown_currency 2" in said
    assert f"user {ada.id}" in said


def test_a_mistake_of_ours(stack: Stack, ada: Person) -> None:
    """A column that a release renamed too early, for example."""
    table, psql = "ALTER TABLE expenses.categories RENAME", ("-XAtqd", "expenses", "-c")
    Here(stack.place).postgres("psql", *psql, f"{table} archived TO gone")
    try:
        answer = ada.client.get("/api/v1/categories", headers=named("mistake"))
    finally:
        Here(stack.place).postgres("psql", *psql, f"{table} gone TO archived")
    problem(answer, 500, "internal_error")
    said = explained(stack, answer, "gateway", "expenses")
    assert "500 internal_error, because: ProgrammingError 42703" in said
    assert "error unexpected_error" in said
    assert "categories/repository.py:" in said


def test_an_id_that_no_part_knows(stack: Stack) -> None:
    assert logs.of_request(logs.local(stack.data), "nobody-asked") == []
