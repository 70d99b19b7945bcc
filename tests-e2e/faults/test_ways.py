"""The network between any two parts is slow, narrow, cut, silent or closed, or it loses what was answered."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import httpx
import pytest

from actors import AUTH, EXPENSES, LUNCH, PASSWORD, Person, new_client, new_email, problem
from faults.crowd import crowd, heals, in_time, is_refusal, signs_in
from faults.stack import WiredStack, say
from faults.trouble import COMMIT, Trouble

pytestmark = [pytest.mark.own_stack, pytest.mark.faults]
SECONDS = 3.0
TROUBLES = {
    "slow": Trouble(latency=0.24),
    "narrow": Trouble(rate=10_000),
    "cut": Trouble(cut_after=2_000),
    "silent": Trouble(silent=True),
    "closed": Trouble(refused=True),
}
ANEW = {"slow", "closed"}  # connections are made anew meanwhile
# What expenses can do without: nobody may notice.
SPARED = {("expenses", "cache"), ("expenses", "auth")}
OF_EXPENSES = [("expenses", "postgres"), ("gateway", "expenses-2"), *sorted(SPARED)]
OF_AUTH = [("auth", "postgres"), ("auth", "sessions"), ("gateway", "auth-2")]


def cases(ways: Sequence[tuple[str, str]]) -> list[Any]:
    """All but answers that break off on their way to the gateway, which are a test of their own."""
    pairs = [(way, trouble) for way in ways for trouble in TROUBLES]
    left = [(way, trouble) for way, trouble in pairs if (way[0], trouble) != ("gateway", "cut")]
    return [pytest.param(way, trouble, id=f"{'-to-'.join(way)}-{trouble}") for way, trouble in left]


def calls_of(stack: WiredStack, person: Person) -> list[Callable[[], httpx.Response]]:
    me = lambda: person.client.get(f"{AUTH}/me")  # noqa: E731 - three calls side by side
    refresh = lambda: person.client.post(f"{AUTH}/refresh")  # noqa: E731 - the same
    return [me, refresh, signs_in(stack)]


@pytest.mark.parametrize(("way", "trouble"), cases(OF_EXPENSES))
def test_writers_lose_nothing(wires: WiredStack, way: tuple[str, str], trouble: str) -> None:
    what = f"{way[0]} to {way[1]} {trouble}"
    with crowd(wires) as people:
        with wires.having(way, TROUBLES[trouble]) as affected:
            for wire in affected:
                if trouble in ANEW:
                    wire.cut()
            people.works_for(SECONDS)
        people.heals(what)
        if way in SPARED:
            assert [writer.refused for writer in people.writers] == [[]] * len(people.writers)


@pytest.mark.parametrize(("way", "trouble"), cases(OF_AUTH))
def test_nobody_is_signed_out(wires: WiredStack, dora: Person, way: tuple[str, str], trouble: str) -> None:
    calls, refused = calls_of(wires, dora), 0
    with wires.having(way, TROUBLES[trouble]) as affected:
        for wire in affected:
            if trouble in ANEW:
                wire.cut()
        over = time.monotonic() + SECONDS
        while time.monotonic() < over:
            refused += sum(is_refusal(in_time(call)) for call in calls)
            assert in_time(lambda: dora.client.get(EXPENSES)).status_code == 200
    healed = heals(*calls)
    say(f"{way[0]} to {way[1]} {trouble}: {refused} refusals, healed {healed:.1f} s")


@pytest.mark.parametrize("lost", ["unanswered", "swallowed"])
def test_a_write_whose_answer_was_lost_happens_once(wires: WiredStack, lost: str) -> None:
    """Postgres has committed, and the service does not learn it: the key tells, when it is asked again."""
    trouble = {"unanswered": Trouble(unanswered=b'"crowd"'), "swallowed": Trouble(swallowed=b'"crowd"')}[lost]
    with crowd(wires) as people:
        with wires.having(("expenses", "postgres"), trouble) as affected:
            before = sum(wire.lost for wire in affected)
            people.works_for(SECONDS)
            answers = sum(wire.lost for wire in affected) - before
        people.heals(f"{answers} answers {lost}")
        assert answers > 0
        assert any(writer.refused for writer in people.writers)
        assert sum(writer.replayed for writer in people.writers) > 0


def test_a_change_whose_answer_was_lost_is_told_by_its_version(wires: WiredStack, dora: Person) -> None:
    """The transaction has committed: who asks again with the version that they know learns of it."""
    path = f"{EXPENSES}/{dora.record()['id']}"
    change = partial(dora.client.patch, path, json={"notes": "seen"}, headers={"If-Match": '"1"'})
    with wires.having(("expenses", "postgres"), Trouble(unanswered=COMMIT)):
        assert is_refusal(in_time(change))
    heals(lambda: dora.client.get(path))
    assert problem(in_time(change), 412, "version_conflict")["current_version"] == 2
    found = dora.client.get(path).json()
    assert (found["version"], found["notes"]) == (2, "seen")


def test_a_write_whose_answer_breaks_off_at_the_gateway_happens_once(wires: WiredStack, dora: Person) -> None:
    """Half an answer is none: Traefik says 500 in words of its own, or the client's connection breaks."""
    kept, broken = [], 0
    with wires.having(("gateway", "expenses-2"), Trouble(cut_after=900)):
        for number in range(20):
            write = partial(
                dora.client.post, EXPENSES, json=LUNCH, headers={"Idempotency-Key": f"half-{number}"}
            )
            while (answer := whole(write)) is None:
                broken += 1
            kept.append(answer.json()["id"])
    assert broken > 0
    say(f"{broken} answers broke off")
    assert sorted(kept) == sorted(item["id"] for item in dora.list())


def whole(call: Callable[[], httpx.Response]) -> httpx.Response | None:
    """The answer, if that is what came."""
    try:
        answer = in_time(call)
    except httpx.TransportError:
        return None
    if (answer.status_code, answer.text) == (500, "Internal Server Error") or is_refusal(answer):
        return None
    return answer


def test_a_registration_whose_answer_was_lost_is_there(wires: WiredStack) -> None:
    client, form = new_client(wires.base_url), {"email": new_email(), "password": PASSWORD}
    with wires.having(("auth", "postgres"), Trouble(unanswered=COMMIT)):
        assert is_refusal(in_time(lambda: client.post(f"{AUTH}/register", json=form)))
    heals(lambda: client.get("/.well-known/jwks.json"))
    problem(in_time(lambda: client.post(f"{AUTH}/register", json=form)), 409, "email_taken")
    assert in_time(lambda: client.post(f"{AUTH}/login", json=form)).status_code == 200


def test_a_sign_out_whose_answer_was_lost_has_happened(wires: WiredStack, dora: Person) -> None:
    script = dora.script()
    with wires.having(("auth", "postgres"), Trouble(unanswered=COMMIT)):
        assert is_refusal(in_time(lambda: dora.client.post(f"{AUTH}/logout")))
    heals(lambda: dora.client.get("/.well-known/jwks.json"))
    assert in_time(lambda: dora.client.post(f"{AUTH}/logout")).status_code == 204
    problem(in_time(lambda: script.get(f"{AUTH}/me")), 401, "session_revoked")


def test_a_rotation_whose_answer_was_lost_signs_nobody_out(wires: WiredStack, dora: Person) -> None:
    """Redis has the next generation and the client does not: the token before it is good once more."""
    time.sleep(5.2)  # until a refresh rotates (AUTH_ROTATION_INTERVAL_SECONDS)
    before = dora.cookie("ea_refresh")
    with wires.having(("auth", "sessions"), Trouble(unanswered=b"EVALSHA")) as affected:
        lost = sum(wire.lost for wire in affected)
        assert is_refusal(in_time(lambda: dora.client.post(f"{AUTH}/refresh")))
        assert sum(wire.lost for wire in affected) > lost
    heals(lambda: dora.client.get(f"{AUTH}/me"), lambda: dora.client.post(f"{AUTH}/refresh"))
    assert dora.cookie("ea_refresh") != before
