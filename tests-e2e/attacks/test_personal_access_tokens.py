"""Personal access tokens through the gateway: what they open, what they do not, and how they end."""

import zlib
from typing import Any

import httpx
import pytest

from actors import AUTH, EXPENSES, LUNCH, Person, in_time, new_client, problem, seconds_until
from infra.local.stack import Stack
from routes import Operation, operations

TOKENS = f"{AUTH}/tokens"
ENDS_SECONDS = 3.0


def make(person: Person, *scopes: str) -> dict[str, Any]:
    answer = person.client.post(TOKENS, json={"name": "script", "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    token: dict[str, Any] = answer.json()
    return token


def script(base_url: str, token: dict[str, Any], scheme: str = "Bearer") -> httpx.Client:
    return new_client(base_url, Authorization=f"{scheme} {token['token']}")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_reads_with_the_scope_to_read_and_writes_nothing(base_url: str, ada: Person, scheme: str) -> None:
    ada.record()
    client = script(base_url, make(ada, "expenses:read"), scheme)
    assert len(client.get(EXPENSES).json()["items"]) == 1
    assert client.get("/api/v1/categories").status_code == 200
    problem(client.post(EXPENSES, json=LUNCH), 403, "insufficient_scope")
    item = ada.list()[0]
    problem(client.patch(f"{EXPENSES}/{item['id']}", json={"amount": "1.00"}), 403, "insufficient_scope")
    problem(client.delete(f"{EXPENSES}/{item['id']}"), 403, "insufficient_scope")
    problem(client.get(f"{AUTH}/me"), 403, "insufficient_scope")
    assert ada.list() == [item]


def test_writes_with_the_scope_to_write_and_reads_nothing(base_url: str, ada: Person) -> None:
    client = script(base_url, make(ada, "expenses:write"))
    assert client.post(EXPENSES, json=LUNCH).status_code == 201
    problem(client.get(EXPENSES), 403, "insufficient_scope")


def test_sees_the_profile_with_its_scope(base_url: str, ada: Person) -> None:
    client = script(base_url, make(ada, "profile:read"))
    assert client.get(f"{AUTH}/me").json()["id"] == ada.id
    problem(client.patch(f"{AUTH}/me", json={"name": "x"}), 403, "insufficient_scope")
    problem(client.get(EXPENSES), 403, "insufficient_scope")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/tokens"),
        ("POST", "/tokens"),
        ("GET", "/sessions"),
        ("POST", "/logout-all"),
        ("POST", "/password"),
    ],
)
def test_opens_nothing_else_of_auth(base_url: str, ada: Person, method: str, path: str) -> None:
    client = script(base_url, make(ada, "expenses:read", "expenses:write", "profile:read"))
    problem(client.request(method, AUTH + path), 401, "invalid_token")
    assert ada.client.get(f"{AUTH}/me").status_code == 200


@pytest.mark.parametrize("scope", ["expenses:read", "expenses:write", "profile:read"])
def test_no_route_takes_another_scope_than_its_own(
    base_url: str, ada: Person, scope: str, subtests: pytest.Subtests
) -> None:
    client = script(base_url, make(ada, scope))
    for operation in operations(base_url):
        if operation.is_public or operation.id == "sessions_refresh":
            continue
        with subtests.test(operation.name):
            answer = operation.send(client)
            if operation.path.startswith(AUTH) and operation.path != f"{AUTH}/me":
                problem(answer, 401, "invalid_token")
            elif scope != scope_of(operation):
                problem(answer, 403, "insufficient_scope")
            else:
                assert answer.status_code not in {401, 403}, answer.text


def scope_of(operation: Operation) -> str:
    if operation.path == f"{AUTH}/me":
        return "profile:read" if operation.is_safe else "profile:write"  # which no such token has
    return "expenses:read" if operation.is_safe else "expenses:write"


def test_revoked_it_is_refused_within_three_seconds(base_url: str, ada: Person) -> None:
    def ends() -> float:
        token = make(ada, "expenses:read", "profile:read")
        client = script(base_url, token)

        def told() -> set[int]:
            return {client.get(path).status_code for path in (EXPENSES, f"{AUTH}/me")}

        assert told() == {200}
        assert ada.client.delete(f"{TOKENS}/{token['id']}").status_code == 204
        seconds = seconds_until(lambda: 200 not in told())
        problem(client.get(EXPENSES), 401, "session_revoked")
        return seconds

    in_time(ends, ENDS_SECONDS)


def forged(text: str) -> str:
    """The id of a good token with another secret, whose check sum is right."""
    head, _, tail = text.rpartition("_")[0].rpartition("_")
    body = f"{head}_{tail[::-1]}"
    return f"{body}_{zlib.crc32(body.encode()):08x}"


def test_what_is_no_token_is_refused(base_url: str, ada: Person) -> None:
    text = make(ada, "expenses:read")["token"]
    for wrong in (forged(text), text[:-1] + "x", "ea_pat_", text.upper(), f"x{text}"):
        client = new_client(base_url, Authorization=f"Bearer {wrong}")
        answer = problem(client.get(EXPENSES, params={"limit": 1}), 401, "invalid_token")
        assert answer["instance"] == EXPENSES


def test_with_other_credentials_beside_it_nothing_is_guessed(base_url: str, ada: Person) -> None:
    text = make(ada, "expenses:read")["token"]
    cookie = f"ea_access={ada.cookie('ea_access')}"
    client = new_client(base_url, Authorization=f"Bearer {text}", Cookie=cookie)
    problem(client.get(EXPENSES), 400, "ambiguous_credentials")
    twice = new_client(base_url)
    headers = [("Authorization", f"Bearer {text}"), ("Authorization", f"Bearer {text}")]
    problem(twice.get(EXPENSES, headers=headers), 400, "ambiguous_credentials")
    wrong = new_client(base_url, Authorization="Bearer ea_pat_", Cookie=cookie)
    problem(wrong.get(EXPENSES), 400, "ambiguous_credentials")
    problem(wrong.get(f"{AUTH}/me"), 400, "ambiguous_credentials")
    duplicate = new_client(base_url, Authorization=f"Bearer {text}", Cookie=f"{cookie}; {cookie}")
    problem(duplicate.get(EXPENSES), 400, "duplicate_cookie")
    problem(client.request("TRACE", EXPENSES), 405, "method_not_allowed")
    problem(client.get(f"{EXPENSES}/{'a/' * 3}"), 404, "not_found")


@pytest.mark.own_stack
def test_expenses_itself_knows_no_such_token_and_no_log_has_it(stack: Stack, ada: Person) -> None:
    text = make(ada, "expenses:read")["token"]
    direct = new_client(stack.place.url("expenses"), Authorization=f"Bearer {text}")
    problem(direct.get(EXPENSES), 401, "invalid_token")
    assert script(stack.base_url, {"token": text}).get(EXPENSES).status_code == 200
    for part in ("gateway", "auth", "expenses", "postgres"):
        assert text.split("_")[3] not in stack.log(part)
