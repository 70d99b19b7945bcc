"""Parts that are stopped, killed or hung: what still works, what is said, and that all heals by itself."""

import os
import signal
import time
from collections.abc import Callable

import httpx
import pytest

from actors import AUTH, EXPENSES, LUNCH, PASSWORD, Person, eventually, new_client, problem
from faults.breakage import Fault, an_empty_postgres, during, hung, killed, stopped
from infra.local.stack import Stack

pytestmark = pytest.mark.own_stack
MOST_SECONDS = 5.0


def within_bounds(call: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer, which must come within five seconds."""
    started = time.monotonic()
    answer = call()
    assert time.monotonic() - started < MOST_SECONDS
    return answer


def services(stack: Stack) -> set[int]:
    """The processes of the services: none may be replaced for anything to heal."""
    return {int((stack.data / f"run/{name}.pid").read_text()) for name in ("auth", "expenses")}


def test_expenses_serves_signed_in_people_without_auth(stack: Stack, ada: Person) -> None:
    ada.record()
    with during(stopped, stack, "auth"):
        assert len(ada.list()) == 1
        ada.record(amount="1.00")
        assert ada.client.get(f"{EXPENSES}/summary?group_by=category").json()["totals"][0]["total"] == "13.50"
        answer = within_bounds(lambda: ada.client.get(f"{AUTH}/me"))
        assert answer.status_code in {502, 503}
        problem(answer, answer.status_code, {502: "bad_gateway", 503: "unavailable"}[answer.status_code])
        eventually(lambda: ada.client.get(f"{AUTH}/me").status_code == 503)
        assert int(ada.client.get(f"{AUTH}/me").headers["retry-after"]) > 0
    eventually(lambda: ada.client.get(f"{AUTH}/me").status_code == 200)


@pytest.mark.parametrize("fault", [stopped, killed, hung])
def test_expenses_serves_correctly_without_its_cache(stack: Stack, ada: Person, fault: Fault) -> None:
    before = services(stack)
    ada.record(amount="1.00")
    assert len(ada.list()) == 1
    with during(fault, stack, "cache"):
        for number in range(2, 12):
            ada.record(amount="1.00")
            assert len(within_bounds(lambda: ada.client.get(EXPENSES)).json()["items"]) == number
            summary = ada.client.get(f"{EXPENSES}/summary?group_by=category").json()
            assert summary["totals"][0]["total"] == f"{number}.00"
    for number in range(12, 20):
        ada.record(amount="1.00")
        assert len(ada.list()) == number
    assert services(stack) == before


@pytest.mark.parametrize("fault", [stopped, killed, hung])
def test_without_the_sessions_people_can_work_and_sign_out(
    stack: Stack, ada: Person, bob: Person, fault: Fault
) -> None:
    before = services(stack)
    ada.record()
    form = {"email": ada.email, "password": PASSWORD}
    with during(fault, stack, "sessions"):
        login = within_bounds(lambda: new_client(stack.base_url).post(f"{AUTH}/login", json=form))
        problem(login, 503, "unavailable")
        refresh = within_bounds(lambda: ada.client.post(f"{AUTH}/refresh"))
        problem(refresh, 503, "unavailable")
        for answer in (login, refresh):
            assert "set-cookie" not in answer.headers
            assert int(answer.headers["retry-after"]) > 0
        assert len(ada.list()) == 1
        assert ada.client.get(f"{AUTH}/me").status_code == 200
        script = bob.script()
        assert within_bounds(lambda: bob.client.post(f"{AUTH}/logout")).status_code == 204
        problem(script.get(f"{AUTH}/me"), 401, "session_revoked")
    eventually(lambda: new_client(stack.base_url).post(f"{AUTH}/login", json=form).status_code == 200)
    assert ada.client.post(f"{AUTH}/refresh").status_code == 200
    assert services(stack) == before


def test_sessions_that_redis_lost_have_run_out(stack: Stack, ada: Person) -> None:
    stack.stop("sessions")
    for file in (stack.data / "sessions").rglob("*"):
        if file.is_file():
            file.unlink()
    stack.start("sessions")
    answer = ada.client.post(f"{AUTH}/refresh")
    problem(answer, 401, "token_expired")
    assert all("Max-Age=0" in line for line in answer.headers.get_list("set-cookie"))
    assert ada.sign_in().status_code == 200
    assert ada.client.post(f"{AUTH}/refresh").status_code == 200


@pytest.mark.parametrize("fault", [stopped, killed, hung])
def test_without_postgres_everything_says_so_and_heals(stack: Stack, ada: Person, fault: Fault) -> None:
    before = services(stack)
    kept = ada.record()
    with during(fault, stack, "postgres"):
        for _ in range(2):
            for call in (
                lambda: ada.client.get(EXPENSES),
                lambda: ada.client.post(EXPENSES, json=LUNCH),
                lambda: ada.client.get(f"{AUTH}/me"),
                lambda: new_client(stack.base_url).post(
                    f"{AUTH}/login", json={"email": ada.email, "password": PASSWORD}
                ),
            ):
                answer = within_bounds(call)
                problem(answer, 503, "unavailable")
                assert int(answer.headers["retry-after"]) > 0
                assert "set-cookie" not in answer.headers
        assert new_client(stack.place.url("auth")).get("/livez").status_code == 200
    eventually(lambda: ada.client.get(EXPENSES).status_code == 200)
    eventually(lambda: ada.client.get(f"{AUTH}/me").status_code == 200)
    assert kept in ada.list()
    assert services(stack) == before


@pytest.mark.parametrize("with_databases", [False, True])
def test_postgres_that_comes_back_empty_signs_nobody_out(
    stack: Stack, ada: Person, *, with_databases: bool
) -> None:
    """Nothing is answered as if there were nothing: 503 until the data is back, then all of it."""
    before = services(stack)
    kept = ada.record()
    form = {"email": ada.email, "password": PASSWORD}
    with an_empty_postgres(stack, with_databases=with_databases):
        for call in (
            lambda: ada.client.get(EXPENSES),
            lambda: ada.client.post(EXPENSES, json=LUNCH),
            lambda: ada.client.get(f"{AUTH}/me"),
            lambda: ada.client.post(f"{AUTH}/refresh"),
            lambda: ada.client.post(f"{AUTH}/logout"),
            lambda: new_client(stack.base_url).post(f"{AUTH}/login", json=form),
        ):
            answer = within_bounds(call)
            problem(answer, 503, "unavailable")
            assert "set-cookie" not in answer.headers
    eventually(lambda: all(ada.client.get(path).status_code == 200 for path in (f"{AUTH}/me", EXPENSES)))
    assert ada.list() == [kept]
    assert ada.client.post(f"{AUTH}/refresh").status_code == 200
    assert services(stack) == before


def test_a_cache_that_comes_back_empty_changes_no_answer(stack: Stack, ada: Person) -> None:
    kept = ada.record()
    assert ada.list() == [kept]
    stack.kill("cache")
    stack.start("cache")
    assert ada.list() == [kept]
    older = ada.record(spent_on="2020-01-01")
    assert ada.list() == [kept, older]


def test_expenses_that_starts_before_auth_heals_alone(stack: Stack, ada: Person) -> None:
    ada.record()
    stack.stop("expenses")
    stack.stop("auth")
    stack.launch("expenses")
    direct = new_client(stack.place.url("expenses"), Authorization=f"Bearer {ada.cookie('ea_access')}")

    def lives() -> bool:
        try:
            return direct.get("/livez").status_code == 200
        except httpx.TransportError:
            return False

    eventually(lives)
    assert direct.get("/readyz").status_code == 503
    assert "keys" in direct.get("/readyz").json()["detail"]
    problem(direct.get(EXPENSES), 503, "unavailable")
    stack.start("auth")
    eventually(lambda: direct.get(EXPENSES).status_code == 200)
    eventually(lambda: ada.client.get(EXPENSES).status_code == 200)


def test_a_stopping_service_finishes_what_it_has_begun(stack: Stack, ada: Person) -> None:
    """SIGTERM in the middle of writes: each acknowledged one is there, none is there twice."""
    acknowledged = []
    for number in range(40):
        if number == 20:
            os.kill(int((stack.data / "run/expenses.pid").read_text()), signal.SIGTERM)
        answer = ada.client.post(EXPENSES, json=LUNCH | {"source": "test", "external_id": str(number)})
        if answer.status_code == 201:
            acknowledged.append(str(number))
        else:
            assert answer.status_code in {502, 503}, answer.text
            problem(answer, answer.status_code, answer.json()["code"])
    stack.stop("expenses")
    stack.start("expenses")
    eventually(lambda: ada.client.get(EXPENSES).status_code == 200)
    found = [item["external_id"] for item in ada.list(limit=200)]
    assert len(acknowledged) >= 20
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))
