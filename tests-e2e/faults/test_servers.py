"""Postgres and each Redis killed, hung and restarted empty while a crowd works.

Nothing is lost, done twice or stale, every request is answered in time, all heals without anybody's help.
"""

import os
import signal
import time
from collections.abc import Callable

import httpx
import pytest

from actors import AUTH, EXPENSES, PASSWORD, Person, new_client, problem
from faults.breakage import (
    Fault,
    an_empty_database,
    during,
    emptied,
    hung,
    killed,
    query,
)
from faults.crowd import HEAL_SECONDS, crowd, heals, in_time, is_refusal, signs_in
from faults.stack import WiredStack, names, say

pytestmark = [pytest.mark.own_stack, pytest.mark.faults]
WRITES = 2000
WRITERS = 8


def processes(stack: WiredStack) -> set[str]:
    """The replicas: none may be replaced for anything to heal."""
    replicas = [name for service in ("auth", "expenses") for name in names(service)]
    return {(stack.data / f"run/{name}.pid").read_text() for name in replicas}


def me(person: Person) -> Callable[[], httpx.Response]:
    """What auth is asked, by somebody who was signed in before: it heals too, and by itself."""
    return lambda: person.client.get(f"{AUTH}/me")


def test_two_thousand_writes_survive_a_kill_in_their_middle(wires: WiredStack, dora: Person) -> None:
    before = processes(wires)
    with crowd(wires, WRITERS, most=WRITES // WRITERS) as people:
        people.reaches(WRITES // 2)
        with during(killed, wires, "postgres"):
            say(f"kill -9 of Postgres after {people.writes} acknowledged writes")
            people.works_for(1)
        people.heals("Postgres killed")
        heals(me(dora))
        people.finishes()
        assert people.writes == WRITES
    assert processes(wires) == before


@pytest.mark.parametrize("fault", [killed, hung])
def test_postgres_breaks_under_load(wires: WiredStack, dora: Person, fault: Fault) -> None:
    before = processes(wires)
    with crowd(wires) as people:
        with during(fault, wires, "postgres"):
            people.works_for(4)
        people.heals(f"Postgres {fault.__name__}")
        heals(me(dora))
        assert any(writer.refused for writer in people.writers)
    assert processes(wires) == before


def test_a_killed_backend_takes_nothing_with_it(wires: WiredStack, dora: Person) -> None:
    """Postgres throws everybody out and recovers by itself."""
    backends = "SELECT pid FROM pg_stat_activity WHERE usename = 'expenses_app'"
    with crowd(wires) as people:
        os.kill(int(query(wires, f"{backends} LIMIT 1")), signal.SIGKILL)
        people.heals("one backend killed")
        heals(me(dora))
        assert any(writer.refused for writer in people.writers)


def test_postgres_lets_in_fewer_than_the_replicas_ask_for(wires: WiredStack) -> None:
    """As with another max_connections: what finds no place is refused, and comes in when there is one."""
    before, of_them = processes(wires), "FROM pg_stat_activity WHERE usename = 'expenses_app'"
    with crowd(wires) as people:
        query(wires, "ALTER ROLE expenses_app CONNECTION LIMIT 3")
        try:
            query(wires, f"SELECT pg_terminate_backend(pid) {of_them}")
            people.works_for(4)
        finally:
            query(wires, "ALTER ROLE expenses_app CONNECTION LIMIT -1")
        people.heals("three connections for all")
        assert any(writer.refused for writer in people.writers)
    assert processes(wires) == before


@pytest.mark.parametrize("service", ["auth", "expenses"])
def test_a_database_that_comes_back_empty_is_no_answer(wires: WiredStack, dora: Person, service: str) -> None:
    """503 until the data is back; the other service goes on meanwhile."""
    kept = dora.record()
    calls = {
        "auth": [lambda: dora.client.get(f"{AUTH}/me"), lambda: dora.client.post(f"{AUTH}/refresh")],
        "expenses": [lambda: dora.client.get(EXPENSES), lambda: dora.client.get("/api/v1/changes")],
    }
    other = calls["auth" if service == "expenses" else "expenses"]
    with an_empty_database(wires, service):
        for _ in range(4):
            for call in calls[service]:
                answer = in_time(call)
                assert is_refusal(answer), answer.text
            assert in_time(other[0]).status_code == 200
    healed = heals(*calls[service])
    say(f"{service}'s database empty: healed {healed:.1f} s")
    assert dora.list() == [kept]


@pytest.mark.parametrize("fault", [killed, hung, None])
def test_the_cache_is_missed_by_nobody(wires: WiredStack, fault: Fault | None) -> None:
    """Killed, hung or empty: not one request is refused."""
    with crowd(wires) as people:
        if fault is None:
            emptied(wires, "cache")
        else:
            with during(fault, wires, "cache"):
                people.works_for(3)
        people.works_for(1)
        assert [writer.refused for writer in people.writers] == [[]] * len(people.writers)


@pytest.mark.parametrize("fault", [killed, hung])
def test_without_the_sessions_both_replicas_refuse_and_heal(
    wires: WiredStack, dora: Person, fault: Fault
) -> None:
    before = processes(wires)
    calls = (signs_in(wires), lambda: dora.client.post(f"{AUTH}/refresh"))
    with crowd(wires) as people:
        with during(fault, wires, "sessions"):
            for _ in range(4):
                for call in calls:
                    answer = in_time(call)
                    assert (answer.status_code, is_refusal(answer)) == (503, True)
                assert in_time(lambda: dora.client.get(f"{AUTH}/me")).status_code == 200
        healed = heals(*calls)
        say(f"sessions {fault.__name__}: healed {healed:.1f} s")
        assert [writer.refused for writer in people.writers] == [[]] * len(people.writers)
    assert processes(wires) == before


def settled(direct: httpx.Client) -> httpx.Response:
    """What a refresh is answered when it is no longer refused for the time being."""
    deadline = time.monotonic() + HEAL_SECONDS
    while (answer := in_time(lambda: direct.post(f"{AUTH}/refresh"))).status_code == 503:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return answer


def test_sessions_that_redis_lost_are_run_out_at_every_replica(wires: WiredStack, dora: Person) -> None:
    emptied(wires, "sessions")
    for name in names("auth"):
        direct = new_client(wires.url(name), Cookie=f"ea_refresh={dora.cookie('ea_refresh')}")
        problem(settled(direct), 401, "token_expired")
    assert dora.sign_in(PASSWORD).status_code == 200
    heals(lambda: dora.client.post(f"{AUTH}/refresh"))


@pytest.mark.parametrize("fault", [killed, hung])
@pytest.mark.parametrize("name", ["auth-2", "expenses-2"])
def test_one_of_two_replicas_is_enough(wires: WiredStack, dora: Person, name: str, fault: Fault) -> None:
    """What was under way at the broken one is answered in time; soon nothing goes there any more."""
    with crowd(wires) as people:
        with during(fault, wires, name):
            for _ in range(8):
                in_time(lambda: dora.client.get(f"{AUTH}/me"))
            people.heals(f"{name} {fault.__name__}, the other goes on")
        people.heals(f"{name} {fault.__name__}")
