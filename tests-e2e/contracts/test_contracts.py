"""What the services write, checked against infra/contracts."""

import json

import pytest
from jsonschema import Draft202012Validator

from actors import AUTH, EXPENSES, LUNCH, PASSWORD, Person, eventually, new_client, part
from infra.local.bootstrap import ROOT
from infra.local.stack import Stack

CONTRACTS = ROOT / "infra/contracts"


def schema(name: str) -> Draft202012Validator:
    """The validator of one contract, itself a valid schema."""
    document = json.loads((CONTRACTS / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


def test_every_schema_is_one() -> None:
    names = [file.name.removesuffix(".schema.json") for file in CONTRACTS.glob("*.schema.json")]
    assert len(names) >= 6
    for name in names:
        schema(name)


def test_access_tokens_are_as_agreed(ada: Person) -> None:
    token = ada.cookie("ea_access")
    assert len(token) < 1200
    schema("access-token-header").validate(part(token, 0))
    claims = part(token, 1)
    schema("access-token-claims").validate(claims)
    assert claims["sub"] == ada.id
    assert 285 <= claims["exp"] - claims["iat"] <= 300
    assert ada.email not in json.dumps(claims)


def test_the_key_set_is_as_agreed_and_has_the_key_of_the_token(ada: Person) -> None:
    answer = ada.client.get("/.well-known/jwks.json")
    schema("key-set").validate(answer.json())
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert part(ada.cookie("ea_access"), 0)["kid"] in {key["kid"] for key in answer.json()["keys"]}
    same = ada.client.get("/.well-known/jwks.json", headers={"If-None-Match": answer.headers["etag"]})
    assert same.status_code == 304


def test_problems_of_all_three_are_as_agreed(base_url: str, ada: Person) -> None:
    anonymous = new_client(base_url)
    problems = [
        anonymous.get("/nothing"),
        anonymous.get(f"{AUTH}/me"),
        anonymous.get(EXPENSES),
        ada.client.post(EXPENSES, json={"amonut": "1", "currency": 7}),
        ada.client.get(f"{EXPENSES}?limit=0&x=1"),
        anonymous.post(f"{AUTH}/register", json={}),
        ada.client.get(f"{EXPENSES}/not-a-uuid"),
    ]
    for answer in problems:
        schema("problem").validate(answer.json())
        assert answer.headers["content-type"] == "application/problem+json"
        for telling in ("Traceback", "sqlalchemy", "SELECT", "uvicorn", "python"):
            assert telling not in answer.text


@pytest.mark.own_stack
def test_log_lines_are_as_agreed_and_tell_no_secret(stack: Stack) -> None:
    ada = Person.signed_in(stack.base_url)
    ada.record(description="an ear trumpet", notes="for grandmother", merchant="Antiques & Sons")
    ada.client.get(f"{EXPENSES}?category=travel&cursor=abcdefghij")
    ada.client.get(f"{AUTH}/me", headers={"User-Agent": "one\ttwo"})
    ada.sign_in("wrong password here")
    ada.client.post(EXPENSES, json=LUNCH | {"description": "an ear trumpet", "amount": "x"})
    secrets = (
        ada.email, PASSWORD, "wrong password here", "ear trumpet", "grandmother", "Antiques",
        ada.cookie("ea_access"), ada.cookie("ea_refresh"), "abcdefghij", "category=travel",
    )  # fmt: skip
    validator = schema("log-line")
    for name in ("auth", "expenses"):
        eventually(lambda name=name: stack.log(name).count(f'"user_id": "{ada.id}"') >= 2)
        requests = 0
        for line in stack.log(name).splitlines():
            document = json.loads(line)
            validator.validate(document)
            assert document["service"] == name
            requests += document.get("user_id") == ada.id and document["event"] == "request"
        assert requests >= 2
    for name in ("auth", "expenses", "gateway", "postgres", "sessions", "cache"):
        text = stack.log(name)
        assert not [secret for secret in secrets if secret in text], name
