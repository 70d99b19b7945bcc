"""PUT /expenses/by-external/{source}/{external_id}: the whole expense of another system."""

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from expenses_service.database import Database
from tests.conftest import client_of
from tests.expense_calls import ADA, DRAFT, PATH, logged, made, problems, url
from tests.tokens import SigningKey, access_claims

BANK = f"{PATH}/by-external/bank"
ONE = f"{BANK}/1"
NAMED = {"source": "bank", "external_id": "1"}


async def put(client: httpx.AsyncClient, path: str = ONE, **fields: object) -> dict[str, Any]:
    response = await client.put(path, json=DRAFT | fields)
    assert response.is_success, response.text
    body: dict[str, Any] = response.json()
    return body


async def actions(client: httpx.AsyncClient, expense: dict[str, Any]) -> list[str]:
    items = (await client.get(f"{url(expense)}/history")).json()["items"]
    return [each["action"] for each in items]


async def test_what_is_not_there_is_recorded(ada: httpx.AsyncClient) -> None:
    response = await ada.put(ONE, json=DRAFT)
    assert response.status_code == 201
    body = response.json()
    assert (response.headers["location"], response.headers["etag"]) == (url(body), '"1"')
    assert response.headers["cache-control"] == "private, no-cache"
    assert {name: body[name] for name in NAMED} == NAMED
    assert (await ada.get(url(body))).content == response.content


async def test_what_is_there_is_replaced_as_a_whole(ada: httpx.AsyncClient) -> None:
    full: dict[str, Any] = {
        "kind": "refund",
        "merchant": "M",
        "category": "food",
        "tags": ["a"],
        "payment_method": "card",
        "notes": "n",
        "metadata": {"k": "v"},
        "spent_on": "2026-05-31",
    }
    first = await put(ada, **full)
    response = await ada.put(ONE, json=DRAFT | {"amount": "13"})
    assert (response.status_code, response.headers["etag"]) == (200, '"2"')
    assert "location" not in response.headers
    after = response.json()
    assert after == first | {
        "amount": "13.00",
        "kind": "expense",
        "merchant": None,
        "category": "other",
        "tags": [],
        "payment_method": None,
        "notes": None,
        "metadata": {},
        "version": 2,
        "updated_at": after["updated_at"],
    }
    assert await actions(ada, first) == ["created", "updated"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        NAMED,
        {"amount": 12.5, "notes": None, "tags": [], "category": "other", "kind": "expense"},
        {"source": "bank", "metadata": {}},
    ],
)
async def test_the_same_again_leaves_no_trace(
    ada: httpx.AsyncClient, database: Database, fields: dict[str, Any]
) -> None:
    first = await put(ada, spent_on="2026-05-31")
    response = await ada.put(ONE, json=DRAFT | fields)
    assert (response.status_code, response.headers["etag"]) == (200, '"1"')
    assert response.json() == first
    assert await logged(database) == 1


async def test_it_meets_what_the_other_calls_recorded(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    posted = await made(ada, **NAMED)
    theirs = await put(bob, notes="of Bob")
    mine = await put(ada, notes="of Ada")
    assert (mine["id"], mine["version"]) == (posted["id"], 2)
    assert theirs["id"] != mine["id"]
    await ada.patch(url(mine), json={"external_id": "2"})
    assert (await ada.put(ONE, json=DRAFT)).status_code == 201
    assert (await ada.put(f"{BANK}/2", json=DRAFT)).json()["id"] == posted["id"]


async def test_a_deleted_one_comes_back_only_when_asked(
    ada: httpx.AsyncClient, database: Database
) -> None:
    first = await put(ada)
    await ada.delete(url(first))
    for query in ("", "?revive=false"):
        refused = await ada.put(f"{ONE}{query}", json=DRAFT | {"notes": "x"})
        assert (refused.status_code, refused.json()["code"]) == (409, "deleted")
        assert "revive=true" in refused.json()["detail"]
    assert await logged(database) == 2
    revived = await ada.put(f"{ONE}?revive=true", json=DRAFT | {"notes": "x"})
    assert (revived.status_code, revived.headers["etag"]) == (200, '"3"')
    assert (revived.json()["notes"], revived.json()["deleted_at"]) == ("x", None)
    assert (await ada.get(PATH)).json()["items"] == [revived.json()]
    assert await actions(ada, first) == ["created", "deleted", "restored"]
    again = await ada.put(f"{ONE}?revive=true", json=DRAFT | {"notes": "x"})
    assert (again.status_code, again.json()) == (200, revived.json())


async def test_one_that_never_was_needs_no_reviving(ada: httpx.AsyncClient) -> None:
    assert (await ada.put(f"{ONE}?revive=true", json=DRAFT)).status_code == 201


async def test_conditions(ada: httpx.AsyncClient, database: Database) -> None:
    """RFC 9110, section 13: also those on something that is not there."""
    for absent in ('"1"', "*", 'W/"1"'):
        response = await ada.put(ONE, json=DRAFT, headers={"If-Match": absent})
        assert (response.status_code, response.json()["code"]) == (412, "version_conflict")
        assert "current_version" not in response.json()
    assert await logged(database) == 0
    new = await ada.put(ONE, json=DRAFT, headers={"If-None-Match": "*"})
    assert new.status_code == 201
    for headers in ({"If-None-Match": "*"}, {"If-None-Match": 'W/"1"'}, {"If-Match": '"2"'}):
        response = await ada.put(ONE, json=DRAFT | {"notes": "x"}, headers=headers)
        assert (response.status_code, response.json()["current_version"]) == (412, 1)
        same = await ada.put(ONE, json=DRAFT, headers=headers)
        assert same.status_code == 412
    for version, tag in enumerate(('"1"', "*", '"9", "3"'), 2):
        good = await ada.put(ONE, json=DRAFT | {"notes": tag}, headers={"If-Match": tag})
        assert (good.status_code, good.json()["version"]) == (200, version)
    bad = await ada.put(ONE, json=DRAFT, headers={"If-Match": "4"})
    assert (bad.status_code, bad.json()["errors"][0]["header"]) == (422, "If-Match")


@pytest.mark.parametrize(
    ("part", "external_id"),
    [
        ("2026-05-31/7", "2026-05-31/7"),
        ("2026-05-31%2F7", "2026-05-31/7"),
        ("a//b/", "a//b/"),
        ("caf%C3%A9%20%F0%9F%A7%BE", "café 🧾"),
        ("100%25%3F%23%3B%5C", "100%?#;\\"),
        ("%2541", "%41"),
        ("a+b&c=d", "a+b&c=d"),
        ("x" * 120, "x" * 120),
        (quote("🧾" * 120), "🧾" * 120),
    ],
)
async def test_names_are_taken_from_the_path_as_they_are(
    ada: httpx.AsyncClient, part: str, external_id: str
) -> None:
    first = await put(ada, f"{BANK}/{part}")
    assert (first["source"], first["external_id"]) == ("bank", external_id)
    again = await ada.post(PATH, json=DRAFT | {"source": "bank", "external_id": external_id})
    assert again.json()["code"] == "external_id_taken"


async def test_a_slash_that_is_encoded_does_not_end_the_source(ada: httpx.AsyncClient) -> None:
    body = await put(ada, f"{PATH}/by-external/a%2Fb/c")
    assert (body["source"], body["external_id"]) == ("a/b", "c")
    body = await put(ada, f"{PATH}/by%2Dexternal/a/b%2Fc")
    assert (body["source"], body["external_id"]) == ("a", "b/c")
    wide = await put(ada, f"{PATH}/by-external/{quote('ß' * 40)}/c")
    assert wide["source"] == "ß" * 40


@pytest.mark.parametrize(
    ("path", "code", "parameter"),
    [
        (f"bank/{'x' * 121}", "string_too_long", "external_id"),
        (f"bank/{quote('🧾' * 121)}", "string_too_long", "external_id"),
        (f"{'x' * 41}/1", "string_too_long", "source"),
        ("bank/", "string_too_short", "external_id"),
        ("bank/%20", "blank", "external_id"),
        ("%20/1", "blank", "source"),
        ("bank/a%00", "control_character", "external_id"),
        ("bank/%C3", "invalid_utf8", "external_id"),
        ("%ED%A0%80/1", "invalid_utf8", "source"),
    ],
)
async def test_names_that_no_expense_has(
    ada: httpx.AsyncClient, path: str, code: str, parameter: str
) -> None:
    response = await ada.put(f"{PATH}/by-external/{path}", json=DRAFT)
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert (error["code"], error["parameter"]) == (code, parameter)


@pytest.mark.parametrize("path", ["", "/", "/bank", "//1"])
async def test_a_path_without_both_names_is_no_route(ada: httpx.AsyncClient, path: str) -> None:
    response = await ada.put(f"{PATH}/by-external{path}", json=DRAFT)
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (DRAFT | {"source": "other"}, [("not_as_in_path", "/source")]),
        (DRAFT | {"external_id": "2"}, [("not_as_in_path", "/external_id")]),
        (
            DRAFT | {"source": "b", "external_id": "2"},
            [("not_as_in_path", "/source"), ("not_as_in_path", "/external_id")],
        ),
        (DRAFT | {"category": "nothing"}, [("unknown_category", "/category")]),
        (DRAFT | {"amount": "0"}, [("amount_range", "/amount")]),
        ({"notes": "x"}, [("required", f"/{name}") for name in DRAFT]),
        (DRAFT | {"version": 1}, [("unknown_field", "/version")]),
    ],
)
async def test_what_is_refused(
    ada: httpx.AsyncClient, database: Database, body: dict[str, Any], problem: list[Any]
) -> None:
    response = await ada.put(ONE, json=body)
    assert (response.status_code, problems(response)) == (422, problem)
    assert await logged(database) == 0


async def test_an_archived_category_keeps_what_it_has(ada: httpx.AsyncClient) -> None:
    await put(ada, category="food")
    await ada.patch("/api/v1/categories/food", json={"archived": True})
    kept = await ada.put(ONE, json=DRAFT | {"category": "food", "notes": "n"})
    assert (kept.status_code, kept.json()["version"]) == (200, 2)
    refused = await ada.put(f"{BANK}/2", json=DRAFT | {"category": "food"})
    assert problems(refused) == [("unknown_category", "/category")]


async def test_of_many_at_once_one_records_and_none_fails(
    app: FastAPI, signing_key: SigningKey, database: Database
) -> None:
    async with client_of(app, signing_key.token(access_claims(ADA))) as client:
        answers = await asyncio.gather(*(client.put(ONE, json=DRAFT) for _ in range(12)))
        assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
        assert len({answer.content for answer in answers}) == 1
        assert await logged(database) == 1
        notes = [{"notes": str(number)} for number in range(12)]
        answers = await asyncio.gather(
            *(client.put(ONE, json=DRAFT | each) for each in notes)
        )  # fmt: skip
    assert sorted(answer.json()["version"] for answer in answers) == list(range(2, 14))


async def test_who_may_call_it(
    app: FastAPI, anonymous: httpx.AsyncClient, ada: httpx.AsyncClient, signing_key: SigningKey
) -> None:
    assert (await anonymous.put(ONE, json=DRAFT)).status_code == 401
    token = signing_key.token(access_claims(ADA, scope="expenses:read"))
    async with client_of(app, token) as reader:
        assert (await reader.put(ONE, json=DRAFT)).json()["code"] == "insufficient_scope"
    text = await ada.put(ONE, content="{}", headers={"Content-Type": "text/plain"})
    assert text.status_code == 415
    broken = await ada.put(ONE, content="{", headers={"Content-Type": "application/json"})
    assert broken.json()["code"] == "malformed_json"
    for method in ("GET", "POST", "PATCH", "DELETE"):
        wrong = await ada.request(method, ONE)
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "PUT")
    for query, code in (("?revive=1", "bool_parsing"), ("?rivive=true", "unknown_parameter")):
        strict = await ada.put(f"{ONE}{query}", json=DRAFT)
        assert strict.json()["errors"][0]["code"] == code


async def test_a_stranger_has_his_own(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    mine = await put(ada)
    await ada.delete(url(mine))
    assert (await bob.put(ONE, json=DRAFT)).status_code == 201
    assert (await bob.get(url(mine))).status_code == 404
