"""The network between any two parts is slow, narrow, cut, silent or closed, or it loses what was answered."""

import time
from collections.abc import Callable

import httpx
import pytest

from actors import AUTH, EXPENSES, PASSWORD, Person, new_client, new_email, problem
from faults.crowd import crowd, heals, in_time, is_refusal, signs_in
from faults.stack import WiredStack, say
from faults.trouble import Trouble

pytestmark = [pytest.mark.own_stack, pytest.mark.faults]
SECONDS = 3.0
TROUBLES = {
    "slow": Trouble(latency=0.24),
    "narrow": Trouble(rate=10_000),
    "cut": Trouble(cut_after=2_000),
    "silent": Trouble(silent=True),
    "closed": Trouble(refused=True),
}
# What expenses can do without: nobody may notice.
SPARED = {("expenses", "cache"), ("expenses", "auth")}
OF_EXPENSES = [("expenses", "postgres"), ("gateway", "expenses-2"), *sorted(SPARED)]
OF_AUTH = [("auth", "postgres"), ("auth", "sessions"), ("gateway", "auth-2")]


def calls_of(stack: WiredStack, person: Person) -> list[Callable[[], httpx.Response]]:
    me = lambda: person.client.get(f"{AUTH}/me")  # noqa: E731 - three calls side by side
    refresh = lambda: person.client.post(f"{AUTH}/refresh")  # noqa: E731 - the same
    return [me, refresh, signs_in(stack, person)]


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("way", OF_EXPENSES, ids="-to-".join)
def test_writers_lose_nothing(wires: WiredStack, way: tuple[str, str], trouble: str) -> None:
    what = f"{way[0]} to {way[1]} {trouble}"
    with crowd(wires) as people:
        with wires.having(way, TROUBLES[trouble]) as affected:
            for wire in affected:
                if trouble == "closed":
                    wire.cut()
            people.works_for(SECONDS)
        people.heals(what)
        if way in SPARED:
            assert [writer.refused for writer in people.writers] == [[]] * len(people.writers)


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("way", OF_AUTH, ids="-to-".join)
def test_nobody_is_signed_out(wires: WiredStack, dora: Person, way: tuple[str, str], trouble: str) -> None:
    calls, refused = calls_of(wires, dora), 0
    with wires.having(way, TROUBLES[trouble]) as affected:
        for wire in affected:
            if trouble == "closed":
                wire.cut()
        over = time.monotonic() + SECONDS
        while time.monotonic() < over:
            refused += sum(is_refusal(in_time(call)) for call in calls)
            assert in_time(lambda: dora.client.get(EXPENSES)).status_code == 200
    healed = heals(*calls)
    say(f"{way[0]} to {way[1]} {trouble}: {refused} refusals, healed {healed:.1f} s")


@pytest.mark.parametrize("lost", ["unanswered", "swallowed"])
@pytest.mark.parametrize("mark", [b'"crowd"', b"COMMIT"], ids=["record", "commit"])
def test_a_write_whose_answer_was_lost_happens_once(wires: WiredStack, mark: bytes, lost: str) -> None:
    """Postgres has committed, and the service does not learn it: the key tells, when it is asked again."""
    with crowd(wires) as people:
        with wires.having(("expenses", "postgres"), Trouble(**{lost: mark})) as affected:  # type: ignore[arg-type]
            before = sum(wire.lost for wire in affected)
            people.works_for(SECONDS)
            answers = sum(wire.lost for wire in affected) - before
        people.heals(f"{answers} answers {lost} after {mark.decode()}")
        assert answers > 0
        assert any(writer.refused for writer in people.writers)
        if mark == b'"crowd"':
            assert sum(writer.replayed for writer in people.writers) > 0


def test_a_registration_whose_answer_was_lost_is_there(wires: WiredStack) -> None:
    client, form = new_client(wires.base_url), {"email": new_email(), "password": PASSWORD}
    with wires.having(("auth", "postgres"), Trouble(unanswered=b"COMMIT")):
        assert is_refusal(in_time(lambda: client.post(f"{AUTH}/register", json=form)))
    heals(lambda: client.get("/.well-known/jwks.json"))
    problem(in_time(lambda: client.post(f"{AUTH}/register", json=form)), 409, "email_taken")
    assert in_time(lambda: client.post(f"{AUTH}/login", json=form)).status_code == 200


def test_a_sign_out_whose_answer_was_lost_has_happened(wires: WiredStack, dora: Person) -> None:
    script = dora.script()
    with wires.having(("auth", "postgres"), Trouble(unanswered=b"COMMIT")):
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
