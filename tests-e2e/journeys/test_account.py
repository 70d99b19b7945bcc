"""Register, sign in, change the profile, refresh, sign out."""

import httpx
import pytest

from actors import AUTH, EXPENSES, PASSWORD, Person, new_email, problem

USER = {"id", "email", "name", "time_zone", "created_at", "version"}


def cookies_of(answer: httpx.Response) -> dict[str, dict[str, str]]:
    """The attributes of each cookie that an answer sets, by its name; names of attributes lower-cased."""
    found = {}
    for line in answer.headers.get_list("set-cookie"):
        pair, *attributes = line.split("; ")
        name, _, value = pair.partition("=")
        split = (attribute.partition("=") for attribute in attributes)
        found[name] = {key.lower(): text for key, _, text in split} | {"value": value}
    return found


def test_from_registration_to_signing_out(base_url: str) -> None:
    person = Person.register(base_url, name="Ada", time_zone="Europe/Vienna")
    assert problem(person.client.get(f"{AUTH}/me"), 401, "not_authenticated")["errors"] == []
    login = person.sign_in()
    assert set(login.json()) == {"user", "session", "access_expires_at"}
    assert set(login.json()["session"]) == {"id", "expires_at"}
    assert login.headers["cache-control"] == "no-store"

    me = person.client.get(f"{AUTH}/me")
    assert set(me.json()) == USER
    assert me.json() == login.json()["user"]
    assert me.headers["cache-control"] == "private, no-cache"
    assert me.headers["vary"] == "Cookie, Authorization"
    unchanged = person.client.get(f"{AUTH}/me", headers={"If-None-Match": me.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")

    patched = person.client.patch(f"{AUTH}/me", json={"name": None}, headers={"If-Match": me.headers["etag"]})
    assert (patched.json()["name"], patched.json()["version"]) == (None, 2)
    stale = person.client.patch(f"{AUTH}/me", json={"name": "B"}, headers={"If-Match": me.headers["etag"]})
    problem(stale, 412, "version_conflict")

    script = person.script()
    assert script.get(f"{AUTH}/me").status_code == 200
    out = person.client.post(f"{AUTH}/logout")
    assert out.status_code == 204
    assert {name: c["max-age"] for name, c in cookies_of(out).items()} == {
        "ea_access": "0",
        "ea_refresh": "0",
    }
    problem(script.get(f"{AUTH}/me"), 401, "session_revoked")
    assert person.client.post(f"{AUTH}/logout").status_code == 204


def test_cookies_have_exactly_the_attributes_of_the_contract(base_url: str) -> None:
    cookies = cookies_of(Person.register(base_url).sign_in())
    assert set(cookies) == {"ea_access", "ea_refresh", "ea_device"}
    paths = {"ea_access": "/", "ea_refresh": "/api/v1/auth", "ea_device": "/"}
    for name, attributes in cookies.items():
        assert set(attributes) == {"value", "httponly", "samesite", "path", "max-age"}, name
        assert attributes["samesite"].lower() == "strict"
        assert attributes["path"] == paths[name]
    assert 284 <= int(cookies["ea_access"]["max-age"]) <= 300
    assert int(cookies["ea_refresh"]["max-age"]) == pytest.approx(14 * 86400, abs=5)
    assert int(cookies["ea_device"]["max-age"]) == 365 * 86400


@pytest.mark.parametrize("known", [True, False])
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(base_url: str, *, known: bool) -> None:
    person = Person.register(base_url)
    if not known:
        person.email = new_email()
    answer = person.sign_in("not the password, sorry")
    document = problem(answer, 401, "invalid_credentials")
    assert document["detail"] == "The e-mail address or the password is not right."
    assert "set-cookie" not in answer.headers


def test_an_address_is_taken_in_any_spelling(base_url: str) -> None:
    person = Person.register(base_url)
    form = {"email": person.email.upper(), "password": PASSWORD}
    problem(person.client.post(f"{AUTH}/register", json=form), 409, "email_taken")


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"password": "too short 1"}, "/password", "string_too_short"),
        ({"password": "x" * 257}, "/password", "string_too_long"),
        ({"email": "nobody"}, "/email", "invalid_email"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone", "unknown_time_zone"),
        ({"name": "a\u0000b"}, "/name", "control_character"),
        ({"is_admin": True}, "/is_admin", "unknown_field"),
        ({"ver": 9}, "/ver", "unknown_field"),
    ],
)
def test_a_registration_names_the_field_that_is_wrong(
    base_url: str, changes: dict[str, object], pointer: str, code: str
) -> None:
    form = {"email": new_email(), "password": PASSWORD} | changes
    document = problem(httpx.post(f"{base_url}{AUTH}/register", json=form), 422, "validation_error")
    assert [(error["pointer"], error["code"]) for error in document["errors"]] == [(pointer, code)]


@pytest.mark.parametrize("password", ["password1234", "qwertyuiop123", "aaaaaaaaaaaaaaa"])
def test_a_weak_password_is_refused(base_url: str, password: str) -> None:
    form = {"email": new_email(), "password": password}
    problem(httpx.post(f"{base_url}{AUTH}/register", json=form), 422, "weak_password")


def test_a_refresh_right_after_the_login_keeps_the_refresh_token(ada: Person) -> None:
    answer = ada.client.post(f"{AUTH}/refresh")
    assert set(answer.json()) == {"access_expires_at", "session"}
    assert set(cookies_of(answer)) == {"ea_access"}
    assert answer.headers["cache-control"] == "no-store"


def test_without_a_refresh_token_nobody_is_signed_in(base_url: str) -> None:
    problem(httpx.post(f"{base_url}{AUTH}/refresh"), 401, "not_authenticated")


def test_an_access_token_does_not_refresh_and_a_refresh_token_does_not_give_access(ada: Person) -> None:
    swapped = ada.with_cookies(f"ea_refresh={ada.cookie('ea_access')}")
    problem(swapped.post(f"{AUTH}/refresh"), 401, "invalid_token")
    for path in (f"{AUTH}/me", EXPENSES):
        other = ada.with_cookies(f"ea_access={ada.cookie('ea_refresh')}")
        problem(other.get(path), 401, "invalid_token")


def test_access_expires_when_the_answer_says(ada: Person) -> None:
    answer = ada.client.post(f"{AUTH}/refresh")
    assert answer.json()["access_expires_at"].endswith("Z")
    assert 284 <= int(cookies_of(answer)["ea_access"]["max-age"]) <= 300
