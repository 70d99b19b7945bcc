"""Sessions whose tokens are copied, replayed, planted and raced: no thief keeps one, no dead one returns."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest

from actors import AUTH, EXPENSES, PASSWORD, Person, close_clients, eventually, in_time, new_client, problem
from conftest import ROTATION_SECONDS

REACHES_SECONDS = 3.0
MOST_SESSIONS = 50
RACES = 100
ROTATED = 6  # two who are robbed, three times each should the machine be busy


def refresh(person: Person, token: str) -> httpx.Response:
    return person.with_cookies(f"ea_refresh={token}").post(f"{AUTH}/refresh")


def bearer(person: Person, token: str) -> httpx.Client:
    return new_client(person.client.base_url, Authorization=f"Bearer {token}")


def session_ids(person: Person) -> list[str]:
    items = bearer(person, person.cookie("ea_access")).get(f"{AUTH}/sessions").json()["items"]
    return [item["id"] for item in items]


def is_cleared(answer: httpx.Response) -> bool:
    lines = answer.headers.get_list("set-cookie")
    return len(lines) == 2 and all("Max-Age=0" in line for line in lines)


def is_dead_everywhere(person: Person, *access: str) -> float:
    """At auth at once, at expenses after so many seconds."""
    began = time.monotonic()
    for client in [bearer(person, token) for token in access]:
        problem(client.get(f"{AUTH}/me"), 401, "session_revoked")
        eventually(lambda client=client: client.get(EXPENSES).status_code != 200)
        problem(client.get(EXPENSES), 401, "session_revoked")
    return time.monotonic() - began


# --- rotation ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ripe(base_url: str) -> Iterator[Person]:
    """People whose refresh tokens' turn has come; waited for once."""
    people = [Person.signed_in(base_url) for _ in range(2 + ROTATED)]
    close_clients()
    time.sleep(ROTATION_SECONDS + 0.1)
    return iter(people)


@pytest.fixture(scope="module")
def rotated(ripe: Iterator[Person]) -> Iterator[tuple[Person, str, str]]:
    """People whose token somebody exchanged a while ago, with the tokens that he got for it."""
    people = [next(ripe) for _ in range(ROTATED)]
    answers = [refresh(person, person.cookie("ea_refresh")) for person in people]
    close_clients()
    time.sleep(ROTATION_SECONDS + 0.1)
    return iter(
        [
            (person, answer.cookies["ea_refresh"], answer.cookies["ea_access"])
            for person, answer in zip(people, answers, strict=True)
        ]
    )


@pytest.mark.own_stack
def test_fifty_parallel_refreshes_are_one_rotation(ripe: Iterator[Person]) -> None:
    person = next(ripe)
    old = person.cookie("ea_refresh")
    with ThreadPoolExecutor(25) as threads:
        answers = list(threads.map(lambda _: refresh(person, old), range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    (successor,) = {answer.cookies.get("ea_refresh") for answer in answers} - {None}
    again = refresh(person, str(successor))
    assert again.status_code == 200
    assert "ea_refresh" not in again.cookies


@pytest.mark.own_stack
def test_an_answer_that_was_lost_is_given_again(ripe: Iterator[Person]) -> None:
    person = next(ripe)
    old = person.cookie("ea_refresh")
    successors = {refresh(person, old).cookies["ea_refresh"] for _ in range(3)}
    assert len(successors) == 1
    assert old not in successors
    assert refresh(person, successors.pop()).status_code == 200
    assert "token_reuse" not in events(person)


def events(person: Person) -> list[str]:
    items = bearer(person, person.cookie("ea_access")).get(f"{AUTH}/events").json()["items"]
    return [item["type"] for item in items]


@pytest.mark.own_stack
def test_an_old_refresh_token_kills_its_family(rotated: Iterator[tuple[Person, str, str]]) -> None:
    """The owner rotated, a thief comes with the copy of the token before."""
    in_time(lambda: seconds_to_kill(*next(rotated)), REACHES_SECONDS)


def seconds_to_kill(owner: Person, newer: str, access: str) -> float:
    phone = Person(new_client(owner.client.base_url), owner.email)
    assert phone.sign_in().status_code == 200
    stolen = refresh(owner, owner.cookie("ea_refresh"))
    problem(stolen, 401, "session_revoked")
    assert is_cleared(stolen)
    problem(refresh(owner, newer), 401, "session_revoked")
    seconds = is_dead_everywhere(owner, access, owner.cookie("ea_access"))
    assert phone.client.post(f"{AUTH}/refresh").status_code == 200  # another session
    assert events(phone).count("token_reuse") == 1
    return seconds


@pytest.mark.own_stack
def test_the_thief_rotates_first_and_the_owner_second(rotated: Iterator[tuple[Person, str, str]]) -> None:
    in_time(lambda: seconds_to_find_out(*next(rotated)), REACHES_SECONDS)


def seconds_to_find_out(owner: Person, of_thief: str, access_of_thief: str) -> float:
    late = refresh(owner, owner.cookie("ea_refresh"))
    problem(late, 401, "session_revoked")
    assert is_cleared(late)
    seconds = is_dead_everywhere(owner, access_of_thief, owner.cookie("ea_access"))
    problem(refresh(owner, of_thief), 401, "session_revoked")
    return seconds


def test_logging_out_beats_refreshing_in_every_race(ada: Person) -> None:
    in_time(lambda: seconds_to_kill_survivors(ada), REACHES_SECONDS)


def seconds_to_kill_survivors(ada: Person) -> float:
    """Of the last few, since to ask for all of them may take longer than that."""
    survivors = survivors_of_races(ada)
    assert survivors
    seconds = is_dead_everywhere(ada, *survivors[-5:])
    is_dead_everywhere(ada, *survivors[:-5])
    return seconds


def survivors_of_races(ada: Person) -> list[str]:
    """The access tokens that were given while the session ended."""
    survivors = []
    start = Barrier(2, timeout=20)

    def race(path: str, client: httpx.Client) -> httpx.Response:
        start.wait()
        return client.post(f"{AUTH}/{path}")

    with ThreadPoolExecutor(2) as threads:
        for _ in range(RACES):
            assert ada.sign_in().status_code == 200
            token = ada.cookie("ea_refresh")
            paths = ("refresh", "logout")
            clients = [ada.with_cookies(f"ea_refresh={token}") for _ in paths]
            refreshed, out = threads.map(race, paths, clients)
            assert out.status_code == 204
            assert refreshed.status_code in {200, 401}
            survivors += [refreshed.cookies["ea_access"]] if refreshed.status_code == 200 else []
            problem(refresh(ada, token), 401, "session_revoked")
    return survivors


# --- beginning a session ----------------------------------------------------------------------------


def test_cookies_planted_before_a_sign_in_change_nothing(base_url: str, ada: Person, bob: Person) -> None:
    """Fixation: Bob plants cookies in Ada's browser, also those of a session of his own."""
    form = {"email": ada.email, "password": PASSWORD}
    names = ("ea_access", "ea_refresh", "ea_device")
    of_bob = {f"{name}={bob.cookie(name)}" for name in names}
    known, bobs = set(session_ids(ada)), session_ids(bob)
    for planted in ("; ".join(of_bob), "ea_access=x; ea_access=y; ea_refresh=z; ea_refresh=z; ea_device=x"):
        browser = new_client(base_url)
        answer = browser.post(f"{AUTH}/login", json=form, headers={"Cookie": planted})
        assert answer.status_code == 200
        assert {line.partition("=")[0] for line in answer.headers.get_list("set-cookie")} == set(names)
        assert not {f"{name}={answer.cookies[name]}" for name in names} & of_bob
        assert answer.json()["session"]["id"] not in known | set(bobs)
        known.add(answer.json()["session"]["id"])
        assert browser.get(f"{AUTH}/me").json()["id"] == ada.id
        assert browser.post(f"{AUTH}/refresh").status_code == 200
    assert set(session_ids(ada)) == known
    assert session_ids(bob) == bobs
    assert bob.client.get(f"{AUTH}/me").json()["id"] == bob.id


def test_the_fifty_first_session_ends_the_first(person: Callable[..., Person]) -> None:
    in_time(lambda: seconds_to_be_ended(person()), REACHES_SECONDS)


def seconds_to_be_ended(ada: Person) -> float:
    access, token = ada.cookie("ea_access"), ada.cookie("ea_refresh")
    second = ""
    for _ in range(MOST_SESSIONS - 1):
        assert ada.sign_in().status_code == 200
        second = second or ada.cookie("ea_access")
    assert bearer(ada, access).get(f"{AUTH}/me").status_code == 200
    assert len(session_ids(ada)) == MOST_SESSIONS
    assert ada.sign_in().status_code == 200
    seconds = is_dead_everywhere(ada, access)
    problem(refresh(ada, token), 401, "session_revoked")
    assert bearer(ada, second).get(f"{AUTH}/me").status_code == 200
    assert len(session_ids(ada)) == MOST_SESSIONS
    return seconds
