"""What is somebody's is nobody else's: on every route of both specifications, by every method."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx
import pytest

from actors import AUTH, EXPENSES, LUNCH, Person, new_client, problem
from routes import ABSENT, UUID, Operation, operations, state

CATEGORIES = "/api/v1/categories"
MARK = "an ear trumpet"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAME = {"X-Request-ID": "same"}
OF_ONES_OWN = {"source", "external_id"}  # names that everybody gives to things of their own
PUBLIC = {"accounts_register", "sessions_login", "sessions_logout", "keys_list", "currencies_list"}


@dataclass(frozen=True)
class Owner:
    """A person, and the ids of what is theirs: with an expense that is there, and with a deleted one."""

    person: Person
    live: Mapping[str, str]
    deleted: Mapping[str, str]

    @property
    def secrets(self) -> set[str]:
        """What nobody else may ever read."""
        ids = {*self.live.values(), *self.deleted.values()}
        return {MARK, self.person.email, self.person.id} | {text for text in ids if UUID.fullmatch(text)}


@pytest.fixture(scope="module")
def found(base_url: str) -> list[Operation]:
    return operations(base_url)


@pytest.fixture
def owner(ada: Person, base_url: str) -> Owner:
    """Ada, who has something of every kind."""
    phone = Person(new_client(base_url), ada.email)
    session = phone.sign_in().json()["session"]["id"]
    token = {"name": MARK, "scopes": ["expenses:read"]}
    ids = {"session_id": session, "source": "bank", "external_id": "trumpet-tx1"}
    ids["token_id"] = ada.client.post(f"{AUTH}/tokens", json=token).json()["id"]
    ids["slug"] = ada.client.post(CATEGORIES, json={"name": "Ear trumpets 2u"}).json()["slug"]
    named = {name: ids[name] for name in ("source", "external_id")}
    live = ada.record(description=MARK, category=ids["slug"], **named)["id"]
    deleted = ada.record(description=MARK, tags=["trumpet"])["id"]
    assert ada.client.delete(f"{EXPENSES}/{deleted}").status_code == 204
    assert all(len(ids[name]) == len(ABSENT[name]) for name in ids)
    return Owner(ada, ids | {"expense_id": live}, ids | {"expense_id": deleted})


def are_alike(answer: httpx.Response, absent: httpx.Response, ids: Mapping[str, str]) -> None:
    """Byte for byte, but for the ids that were asked for."""
    text = answer.text
    for name, value in ids.items():
        text = text.replace(value, ABSENT[name])
    assert (answer.status_code, text) == (absent.status_code, absent.text)
    headers, of_absent = ({**each.headers, "date": ""} for each in (answer, absent))
    assert headers == of_absent


@pytest.mark.parametrize("which", ["live", "deleted"])
def test_anothers_things_are_like_absent_ones(
    owner: Owner, bob: Person, found: list[Operation], which: str, subtests: pytest.Subtests
) -> None:
    ids: Mapping[str, str] = getattr(owner, which)
    before = state(owner.person.client, found, ids)
    for operation in found:
        if not operation.places and not UUID.search(operation.body()[0]):
            continue
        with subtests.test(operation.name):
            answer, absent = (operation.send(bob.client, each, SAME) for each in (ids, ABSENT))
            if set(operation.places) - OF_ONES_OWN:
                problem(answer, 404, "not_found")
            if absent.is_success:  # something of Bob's own
                assert answer.status_code == absent.status_code
                assert not [text for text in owner.secrets - {*ids.values()} if text in answer.text]
            else:
                are_alike(answer, absent, ids)
            assert state(owner.person.client, found, ids) == before


def test_so_they_are_by_methods_that_there_are_not(
    owner: Owner, bob: Person, found: list[Operation], subtests: pytest.Subtests
) -> None:
    before = state(owner.person.client, found, owner.live)
    for operation in found:
        if operation.places:
            with subtests.test(operation.path):
                for method in METHODS:
                    urls = (operation.url(ids) for ids in (owner.live, ABSENT))
                    answer, absent = (bob.client.request(method, url, headers=SAME) for url in urls)
                    assert answer.status_code in {400, 404, 405}  # 400: without the body that it needs
                    are_alike(answer, absent, owner.live)
    assert state(owner.person.client, found, owner.live) == before


def test_the_owner_finds_them(owner: Owner, found: list[Operation], subtests: pytest.Subtests) -> None:
    """Else a 404 to somebody else would mean nothing."""
    for operation in found:
        if operation.places:
            with subtests.test(operation.name):
                answer = operation.send(owner.person.client, owner.live)
                assert answer.is_success or answer.status_code == 409, answer.text


def test_nobody_reads_anothers_things(owner: Owner, bob: Person, found: list[Operation]) -> None:
    bob.record(description="a lamp")
    seen = "".join(state(bob.client, found).values())
    assert "a lamp" in seen
    assert not [secret for secret in owner.secrets if secret in seen]
    everything = "".join(state(owner.person.client, found, owner.live).values())
    assert all(secret in everything for secret in owner.secrets - {owner.deleted["expense_id"]})


def test_whatever_one_does_the_other_notices_nothing(
    owner: Owner, bob: Person, found: list[Operation], subtests: pytest.Subtests
) -> None:
    before = state(owner.person.client, found, owner.live)
    for operation in found:
        with subtests.test(operation.name):
            if bob.client.get(f"{AUTH}/me").status_code != 200:
                assert bob.sign_in().status_code == 200
            ids = ABSENT | {"expense_id": bob.record()["id"]}
            answer = operation.send(bob.client, ids, {"Idempotency-Key": operation.id})
            assert answer.status_code < 500
            assert not [secret for secret in owner.secrets if secret in answer.text]
            assert operation.is_safe or state(owner.person.client, found, owner.live) == before


# --- ids in other places than a path ----------------------------------------------------------------

SUMMARY = f"{EXPENSES}/summary?group_by=category"
REFERENCES: dict[str, Callable[[httpx.Client, str, str], httpx.Response]] = {
    "a filter of the list": lambda bob, slug, _: bob.get(f"{EXPENSES}?category={slug}"),
    "a filter of the summary": lambda bob, slug, _: bob.get(f"{SUMMARY}&category={slug}"),
    "a new expense": lambda bob, slug, _: bob.post(EXPENSES, json=LUNCH | {"category": slug}),
    "a change": lambda bob, slug, id_: bob.patch(f"{EXPENSES}/{id_}", json={"category": slug}),
    "where expenses move to": lambda bob, slug, _: bob.delete(f"{CATEGORIES}/food?move_to={slug}"),
}


@pytest.mark.parametrize("place", REFERENCES)
def test_anothers_category_is_like_an_absent_one(owner: Owner, bob: Person, place: str) -> None:
    mine = bob.record(category="food")
    bob.client.headers.update(SAME)
    answer, absent = (REFERENCES[place](bob.client, ids["slug"], mine["id"]) for ids in (owner.live, ABSENT))
    assert absent.status_code in {200, 422}
    assert absent.status_code == 422 or absent.json().get("items", absent.json().get("groups")) == []
    text = answer.text.replace(owner.live["slug"], ABSENT["slug"])
    assert (answer.status_code, text) == (absent.status_code, absent.text)
    assert bob.list() == [mine]


def test_anothers_cursor_leads_nowhere(owner: Owner, bob: Person) -> None:
    owner.person.record()
    for path in (EXPENSES, f"{AUTH}/events"):
        cursor = owner.person.client.get(path, params={"limit": 1}).json()["next_cursor"]
        page = {"limit": 1, "cursor": cursor}
        assert owner.person.client.get(path, params=page).status_code == 200
        problem(bob.client.get(path, params=page), 400, "invalid_cursor")


def test_anothers_idempotency_key_is_free(ada: Person, bob: Person) -> None:
    key = {"Idempotency-Key": "lunch"}
    ids = [each.client.post(EXPENSES, json=LUNCH, headers=key).json()["id"] for each in (ada, bob)]
    assert ids[0] != ids[1]
    assert [item["id"] for item in bob.list()] == [ids[1]]


# --- nobody at all ----------------------------------------------------------------------------------


def test_without_credentials_no_route_is_open_but_these(
    base_url: str, found: list[Operation], subtests: pytest.Subtests
) -> None:
    assert {operation.id for operation in found if operation.is_public} == PUBLIC
    for operation in found:
        if not operation.is_public:
            with subtests.test(operation.name):
                answer = operation.send(new_client(base_url))
                problem(answer, 401, "not_authenticated")
                assert answer.headers["www-authenticate"] == "Bearer"
