"""A replica's clock is a minute off, and auth is away for longer than a token lives."""

import time
from contextlib import ExitStack
from datetime import datetime
from functools import partial

import pytest

from actors import AUTH, EXPENSES, LUNCH, PASSWORD, Person, new_client, part, problem
from faults.crowd import crowd, heals, in_time, is_refusal, signs_in
from faults.stack import PATIENCE, WiredStack, names, say
from forger import Forger, claims_of

pytestmark = [pytest.mark.own_stack, pytest.mark.faults]
TOKEN_SECONDS = 300
LEEWAY_SECONDS = 30
REVOKED_SECONDS = 3.0
MINUTE = [60.0, -60.0]
HOUR = 3600.0


def statuses(stack: WiredStack, token: str) -> set[int]:
    """What all replicas of expenses say to an access token."""
    clients = [new_client(stack.url(name), Authorization=f"Bearer {token}") for name in names("expenses")]
    return {in_time(partial(client.get, EXPENSES)).status_code for client in clients}


@pytest.mark.parametrize("seconds", MINUTE)
def test_the_clocks_are_off(wires: WiredStack, dora: Person, seconds: float) -> None:
    """Or the tests below would show nothing."""
    form = {"email": dora.email, "password": PASSWORD}
    with wires.clock("auth-2", seconds=seconds), wires.clock("expenses-2", seconds=seconds):
        login = new_client(wires.url("auth-2")).post(f"{AUTH}/login", json=form)
        script = new_client(wires.url("expenses-2"), Authorization=f"Bearer {dora.cookie('ea_access')}")
        made = datetime.fromisoformat(script.post(EXPENSES, json=LUNCH).json()["created_at"])
    issued = part(login.cookies["ea_access"], 1)["iat"]
    assert abs(issued - time.time() - seconds) < 10 * PATIENCE
    assert abs(made.timestamp() - time.time() - seconds) < 10 * PATIENCE


@pytest.mark.parametrize("seconds", MINUTE)
@pytest.mark.parametrize("name", ["auth-2", "expenses-2"])
def test_a_clock_that_is_a_minute_off_turns_nobody_away(
    wires: WiredStack, dora: Person, name: str, seconds: float
) -> None:
    """Tokens that one replica makes are good at all others, also right after they were made."""
    signing_in = signs_in(wires)
    with wires.clock(name, seconds=seconds), crowd(wires) as people:
        for _ in range(8):
            for call in (
                signing_in,
                lambda: dora.client.get(f"{AUTH}/me"),
                lambda: dora.client.post(f"{AUTH}/refresh"),
                lambda: dora.client.get(EXPENSES),
            ):
                answer = in_time(call)
                assert answer.status_code == 200, answer.text
        assert statuses(wires, dora.cookie("ea_access")) == {200}
        people.works_for(1)
        assert [writer.refused for writer in people.writers] == [[]] * len(people.writers)


@pytest.mark.parametrize("seconds", MINUTE)
def test_sessions_go_on_between_replicas_whose_clocks_differ(
    wires: WiredStack, dora: Person, seconds: float
) -> None:
    """Both rotate, one after the other: neither takes the other's token for a stolen one."""
    token = first = dora.cookie("ea_refresh")
    with wires.clock("auth-2", seconds=seconds):
        for _ in range(6):
            time.sleep(1)
            for name in names("auth"):
                client = new_client(wires.url(name), Cookie=f"ea_refresh={token}")
                answer = in_time(partial(client.post, f"{AUTH}/refresh"))
                assert answer.status_code == 200, answer.text
                token = answer.cookies.get("ea_refresh") or token
    assert token != first
    last = new_client(wires.base_url, Cookie=f"ea_refresh={token}")
    assert in_time(lambda: last.post(f"{AUTH}/refresh")).status_code == 200


@pytest.mark.parametrize("seconds", MINUTE)
def test_revocations_arrive_from_replicas_whose_clocks_differ(
    wires: WiredStack, dora: Person, seconds: float
) -> None:
    """A list of the one is followed by a list of the other, and neither is taken for an older one."""
    with wires.clock("auth-2", seconds=seconds):
        for gone in (*reversed(names("auth")), None):
            leaves = Person.signed_in(wires.base_url)
            token = leaves.cookie("ea_access")
            assert statuses(wires, token) == {200}
            if gone is not None:
                wires.stop(gone)
            heals(lambda: dora.client.get(f"{AUTH}/me"))
            assert in_time(partial(leaves.client.post, f"{AUTH}/logout")).status_code == 204
            time.sleep(REVOKED_SECONDS * PATIENCE)
            assert statuses(wires, token) == {401}
            if gone is not None:
                wires.start(gone)


def test_an_hour_that_auth_alone_is_ahead_is_over_with_it(wires: WiredStack, dora: Person) -> None:
    """Tokens of the future are refused, those from before are good, sessions end; nothing of it stays."""
    before, leaves = dora.cookie("ea_access"), Person.signed_in(wires.base_url)
    ended = leaves.cookie("ea_access")
    with ExitStack() as clocks:
        for name in names("auth"):
            clocks.enter_context(wires.clock(name, seconds=HOUR))
        assert in_time(lambda: dora.client.post(f"{AUTH}/refresh")).status_code == 200
        assert statuses(wires, dora.cookie("ea_access")) == {401}
        assert statuses(wires, before) == {200}
        assert in_time(lambda: leaves.client.post(f"{AUTH}/logout")).status_code == 204
        time.sleep(REVOKED_SECONDS * PATIENCE)
        assert statuses(wires, ended) == {401}
    later = Person.signed_in(wires.base_url)
    for person in (dora, later):
        assert in_time(partial(person.client.post, f"{AUTH}/refresh")).status_code == 200
        assert statuses(wires, person.cookie("ea_access")) == {200}
    ended = later.cookie("ea_access")
    assert in_time(lambda: later.client.post(f"{AUTH}/logout")).status_code == 204
    time.sleep(REVOKED_SECONDS * PATIENCE)
    assert statuses(wires, ended) == {401}


def test_expenses_serves_while_auth_is_away_for_longer_than_a_token_lives(
    wires: WiredStack, dora: Person
) -> None:
    """Then its tokens have run out one by one, and one that still lives is still good."""
    kept, forger = dora.record(), Forger.with_the_key_of(wires)
    claims = claims_of(dora)
    for name in names("auth"):
        wires.stop(name)
    try:
        assert dora.list() == [kept]
        away = TOKEN_SECONDS + LEEWAY_SECONDS + 60
        for name in names("expenses"):
            wires.set_clock(name, away)
        problem(in_time(lambda: dora.client.get(EXPENSES)), 401, "token_expired")
        claims |= {"iat": int(time.time()) + away, "exp": int(time.time()) + away + 290}
        later = new_client(wires.base_url, Authorization=f"Bearer {forger.token(claims)}")
        for _ in range(8):
            assert in_time(lambda: later.get(EXPENSES)).json()["items"] == [kept]
        assert in_time(lambda: later.post(EXPENSES, json=LUNCH)).status_code == 201
        assert is_refusal(in_time(lambda: dora.client.post(f"{AUTH}/refresh")))
    finally:
        for name in names("expenses"):
            wires.set_clock(name, 0)
        for name in names("auth"):
            wires.start(name)
    healed = heals(lambda: dora.client.post(f"{AUTH}/refresh"), lambda: dora.client.get(EXPENSES))
    say(f"auth away for {away} s: healed {healed:.1f} s")
