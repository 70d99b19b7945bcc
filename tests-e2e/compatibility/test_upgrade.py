"""From the release before to this one, step by step, as a rollout goes: each step is a state that lasts.

`make compat`. Schemas first, then replicas of both releases side by side, then one service after the other.
In each state all that the release before promised to its clients holds.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from actors import AUTH, EXPENSES, LUNCH, PASSWORD, Person, eventually, new_client, problem
from compatibility import release
from infra.local.bootstrap import ROOT
from infra.local.here import Here
from infra.local.parts import build
from infra.local.rollout import rollout
from infra.local.stack import SERVICES, Stack
from infra.local.steady import PROMISED_SECONDS, Load

pytestmark = pytest.mark.own_stack
ROUNDS = 40
# With several replicas their answers are no promise: each is looked at below.
OF_ONE_REPLICA = (
    # They take the first replica's refusal for that of all.
    "journeys/test_sessions.py::test_a_copied_token_is_refused_within_three_seconds",
    # A release may change what an entity tag is made of, and has for the profile: a client reads once more.
    "journeys/test_account.py::test_from_registration_to_signing_out",
    "journeys/test_http.py::test_head_is_get_without_the_body[/api/v1/auth/me]",
)
# What goes through both services; side by side, all pairs of releases have met in all journeys before.
BETWEEN = [f"journeys/test_{name}.py" for name in ("account", "expenses", "sessions")]
CATEGORIES = "/api/v1/categories"


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of the release before; without the history this one's, beside itself."""
    return release.unpack(tmp_path_factory.mktemp("before")) if release.in_history() else ROOT


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, before: Path) -> Iterator[Stack]:
    """The release before, with its own schema."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTH_ARGON2_MEMORY_KIB", "8192")
        patch.setenv("AUTH_THROTTLE_ADDRESS_FAILURES", "200")
        stack = Stack(tmp_path_factory.mktemp("stack"), port=0)
        for service in SERVICES:
            comes_from(stack, service, before)
        with stack:
            yield stack


@pytest.fixture
def ada(stack: Stack) -> Person:
    return Person.signed_in(stack.base_url)


def comes_from(stack: Stack, service: str, tree: Path) -> None:
    """What is started of `service` from now on, and its migrations, are those of `tree`."""
    stack.place = replace(stack.place, releases={**stack.place.releases, service: tree})


def steady(stack: Stack) -> Load:
    return Load.of_somebody(stack.place.ports["gateway"])


def test_the_release_before_is_in_the_history() -> None:
    if not release.in_history():
        pytest.skip(
            f"{release.COMMIT[:12]} is not in this clone (git fetch --unshallow brings it):"
            " what follows ran this release beside itself"
        )


def test_migrations_fail_no_request_and_the_code_before_goes_on(stack: Stack, before: Path) -> None:
    load = steady(stack)
    with load.running():
        for service in SERVICES:
            comes_from(stack, service, ROOT)
            stack.migrate(service)
            comes_from(stack, service, before)
    assert load.failed == {}
    assert load.outcomes.total() > 0
    assert load.longest < PROMISED_SECONDS
    release.journeys(before, stack)


# --- replicas of both releases -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def replicas(stack: Stack, before: Path) -> Iterator[dict[str, tuple[str, str]]]:
    """The addresses of two of each service, one of each release; the gateway sends to them in turn."""
    for service in SERVICES:
        comes_from(stack, service, ROOT)
        stack.start_spare(service)
        comes_from(stack, service, before)
    addresses = {}
    for service in SERVICES:
        spare = stack.spare(service)
        assert spare is not None
        addresses[service] = (stack.place.url(service), spare.url(service))
    send_to(stack, addresses)
    yield addresses
    send_to(stack, {service: urls[:1] for service, urls in addresses.items()})
    for service in SERVICES:
        stack.stop_spare(service)


def send_to(stack: Stack, addresses: Mapping[str, tuple[str, ...]]) -> None:
    """Have the gateway send there and nowhere else, and see that it does."""
    settings = {f"{service.upper()}_URL": " ".join(urls) for service, urls in addresses.items()}
    environment = {**build("gateway", stack.place).environment, **settings}
    subprocess.run([str(ROOT / "gateway/start"), "servers"], env=environment, check=True)
    for service, urls in addresses.items():
        eventually(lambda service=service, urls=urls: answering(stack, service) == set(urls))


def answering(stack: Stack, service: str) -> set[str]:
    """Who answers ten requests, by the gateway's log."""
    size = len(stack.log("gateway"))
    with closing(httpx.Client(base_url=stack.base_url)) as client:
        for _ in range(10):
            client.head(f"/api/v1/{service}/openapi.json")
    lines = stack.log("gateway")[size:].splitlines()
    return {f"http://{json.loads(line)['ServiceAddr']}" for line in lines if f'"/api/v1/{service}/' in line}


def test_replicas_of_both_releases_keep_what_the_one_before_promised(
    stack: Stack, before: Path, replicas: dict[str, tuple[str, str]]
) -> None:
    assert all(len(set(urls)) == 2 for urls in replicas.values())
    release.journeys(before, stack, but=OF_ONE_REPLICA)


def test_no_replica_answers_with_what_was_before_a_write_at_the_other(
    ada: Person, replicas: dict[str, tuple[str, str]]
) -> None:
    sides = [at(ada, url) for url in replicas["expenses"]]
    tags: dict[str, str] = {}
    for number in range(1, ROUNDS + 1):
        writer = sides[number // 2 % 2]
        expense = writer.post(EXPENSES, json=LUNCH | {"amount": "1.00"}).raise_for_status().json()
        patched = writer.patch(f"{EXPENSES}/{expense['id']}", json={"notes": str(number)})
        assert patched.status_code == 200
        for side in (sides[number % 2], sides[1 - number % 2]):
            lists = side.get(EXPENSES, params={"limit": 200}).raise_for_status()
            assert [item["notes"] for item in lists.json()["items"][:1]] == [str(number)]
            assert len(lists.json()["items"]) == number
            summary = side.get(f"{EXPENSES}/summary", params={"group_by": "category"}).raise_for_status()
            assert summary.json()["totals"][0]["total"] == f"{number}.00"
            assert side.get(f"{EXPENSES}/{expense['id']}").json()["notes"] == str(number)
            tag = lists.headers["etag"]
            assert tags.setdefault(tag, lists.text) == lists.text, "one entity tag, one sequence of bytes"


def at(person: Person, url: str) -> httpx.Client:
    """A client of that person at one replica."""
    return new_client(url, Authorization=f"Bearer {person.cookie('ea_access')}")


def test_each_release_counts_a_change_of_categories(
    stack: Stack, ada: Person, replicas: dict[str, tuple[str, str]]
) -> None:
    """A create of this release looks at the count in place of taking the lock."""
    ada.record()
    counts = [categories_changed(stack, ada)]
    for url in replicas["expenses"]:
        side = at(ada, url)
        assert side.patch(f"{CATEGORIES}/food", json={"archived": True}).status_code == 200
        counts.append(categories_changed(stack, ada))
        for other in replicas["expenses"]:
            problem(at(ada, other).post(EXPENSES, json=LUNCH), 422, "validation_error")
        assert side.patch(f"{CATEGORIES}/food", json={"archived": False}).status_code == 200
    assert counts[0] < counts[1] < counts[2]


def categories_changed(stack: Stack, person: Person) -> int:
    query = f"SELECT category_changes FROM expenses.user_state WHERE user_id = '{person.id}'"  # noqa: S608 - ours
    return int(Here(stack.place).postgres("psql", "-XAtqd", "expenses", "-c", query))


def test_what_ends_at_one_auth_ends_at_the_other(replicas: dict[str, tuple[str, str]], stack: Stack) -> None:
    for here, there in (replicas["auth"], replicas["auth"][::-1]):
        ada = Person.signed_in(here)
        elsewhere = new_client(there, Cookie=f"ea_refresh={ada.cookie('ea_refresh')}")
        assert elsewhere.post(f"{AUTH}/refresh").status_code == 200
        assert at(ada, there).get(f"{AUTH}/me").json()["id"] == ada.id
        token = ada.client.post(f"{AUTH}/tokens", json={"name": "script", "scopes": ["expenses:read"]}).json()
        script = new_client(stack.base_url, Authorization=f"Bearer {token['token']}")
        # Twice: the gateway asks both for the exchange.
        assert [script.get(EXPENSES).status_code for _ in range(4)] == [200] * 4
        copied = [at(ada, url) for url in (*replicas["auth"], *replicas["expenses"])]
        assert (
            new_client(there, Cookie=f"ea_access={ada.cookie('ea_access')}")
            .post(f"{AUTH}/logout-all", headers={"Origin": stack.base_url})
            .status_code
            == 204
        )
        problem(elsewhere.post(f"{AUTH}/refresh"), 401, "session_revoked")
        for client in copied:
            path = EXPENSES if str(client.base_url).rstrip("/") in replicas["expenses"] else f"{AUTH}/me"
            eventually(lambda client=client, path=path: client.get(path).status_code == 401, seconds=4)


def test_accounts_that_either_makes_are_found_by_this_release_however_they_are_spelt(
    replicas: dict[str, tuple[str, str]],
) -> None:
    _, new = replicas["auth"]
    for number, here in enumerate(replicas["auth"]):
        form = {"email": f"Gro\N{LATIN SMALL LETTER SHARP S}-{number}@example.com", "password": PASSWORD}
        assert new_client(here).post(f"{AUTH}/register", json=form).status_code == 201
        folded = form | {"email": f"GROSS-{number}@example.com"}
        problem(new_client(new).post(f"{AUTH}/register", json=folded), 409, "email_taken")
        assert new_client(new).post(f"{AUTH}/login", json=folded).status_code == 200


# --- one service after the other ---------------------------------------------------------------------


def test_auth_is_replaced_under_load_and_the_expenses_before_goes_on(stack: Stack, before: Path) -> None:
    replaced_under_load(stack, "auth")
    release.journeys(before, stack, *BETWEEN)


def test_expenses_is_replaced_under_load_beside_the_auth_before(stack: Stack, before: Path) -> None:
    """So that the order of the two does not matter; this one of auth runs on data that the other wrote."""
    comes_from(stack, "auth", before)
    stack.stop("auth")
    stack.start("auth")
    with closing(httpx.Client(base_url=stack.base_url)) as client:
        eventually(lambda: client.get("/.well-known/jwks.json").status_code == 200)  # the gateway knows
    replaced_under_load(stack, "expenses")
    release.journeys(before, stack, *BETWEEN)


def replaced_under_load(stack: Stack, service: str) -> None:
    comes_from(stack, service, ROOT)
    load = steady(stack)
    with load.running():
        rollout(stack, service, lambda _: None)
    assert load.failed == {}
    assert load.outcomes.total() > 0
    assert load.longest < PROMISED_SECONDS
