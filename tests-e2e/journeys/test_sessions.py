"""Sessions, seen from outside: what ends them reaches every service within three seconds."""

from collections.abc import Callable

import httpx
import pytest

from actors import AUTH, EXPENSES, PASSWORD, Person, in_time, new_client, problem, seconds_until

NEW_PASSWORD = "plums, velvet and 42 orbits"
REACHES_SECONDS = 3.0


def other_device(person: Person, base_url: str) -> Person:
    device = Person(new_client(base_url), person.email, person.id)
    assert device.sign_in().status_code == 200
    return device


def sessions(person: Person) -> list[dict[str, object]]:
    items: list[dict[str, object]] = person.client.get(f"{AUTH}/sessions").json()["items"]
    return items


def logout(person: Person) -> httpx.Response:
    return person.client.post(f"{AUTH}/logout")


def logout_all(person: Person) -> httpx.Response:
    return person.client.post(f"{AUTH}/logout-all")


def end_session(person: Person) -> httpx.Response:
    current = next(item["id"] for item in sessions(person) if item["current"])
    return person.client.delete(f"{AUTH}/sessions/{current}")


def change_password(person: Person) -> httpx.Response:
    form = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    return person.client.post(f"{AUTH}/password", json=form)


def close_account(person: Person) -> httpx.Response:
    return person.client.request("DELETE", f"{AUTH}/me", json={"current_password": PASSWORD})


@pytest.mark.parametrize("end", [logout, logout_all, end_session, change_password, close_account])
def test_a_copied_token_is_refused_within_three_seconds(
    person: Callable[..., Person], bob: Person, end: Callable[[Person], httpx.Response]
) -> None:
    def reaches() -> float:
        ada = person()
        thief = ada.script()
        assert thief.get(EXPENSES).status_code == 200
        answer = end(ada)
        assert (answer.status_code, answer.content) == (204, b"")
        problem(thief.get(f"{AUTH}/me"), 401, "session_revoked")
        seconds = seconds_until(lambda: thief.get(EXPENSES).status_code != 200)
        problem(thief.get(EXPENSES), 401, "session_revoked")
        problem(thief.post(EXPENSES, json={}), 401, "session_revoked")
        return seconds

    in_time(reaches, REACHES_SECONDS)
    assert bob.client.get(EXPENSES).status_code == 200


def test_logout_all_ends_every_device(ada: Person, base_url: str) -> None:
    phone = other_device(ada, base_url)
    assert len(sessions(ada)) == 2
    assert logout_all(ada).status_code == 204
    problem(phone.client.get(f"{AUTH}/me"), 401, "session_revoked")
    problem(phone.client.post(f"{AUTH}/refresh"), 401, "session_revoked")
    assert ada.sign_in().status_code == 200
    assert len(sessions(ada)) == 1


def test_a_new_password_ends_the_others_and_this_session_goes_on(ada: Person, base_url: str) -> None:
    phone = other_device(ada, base_url)
    before = {item["id"] for item in sessions(ada)}
    ada.record()
    assert change_password(ada).status_code == 204
    assert len(ada.list()) == 1
    (present,) = sessions(ada)
    assert present["current"]
    assert present["id"] not in before
    assert ada.client.post(f"{AUTH}/refresh").status_code == 200
    problem(phone.client.post(f"{AUTH}/refresh"), 401, "session_revoked")
    problem(phone.sign_in(), 401, "invalid_credentials")
    assert phone.sign_in(NEW_PASSWORD).status_code == 200


def test_a_closed_account_is_gone_and_its_address_free(ada: Person) -> None:
    wrong = {"current_password": "not the right one"}
    problem(ada.client.request("DELETE", f"{AUTH}/me", json=wrong), 403, "invalid_credentials")
    assert close_account(ada).status_code == 204
    problem(ada.sign_in(), 401, "invalid_credentials")
    form = {"email": ada.email, "password": PASSWORD}
    again = ada.client.post(f"{AUTH}/register", json=form)
    assert again.status_code == 201
    assert again.json()["id"] != ada.id


def test_another_users_session_is_not_found(ada: Person, bob: Person) -> None:
    theirs = sessions(bob)[0]["id"]
    problem(ada.client.delete(f"{AUTH}/sessions/{theirs}"), 404, "not_found")
    assert bob.client.get(f"{AUTH}/me").status_code == 200
