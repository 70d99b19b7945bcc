import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from expenses_service.changes.models import change_log
from expenses_service.changes.repository import lock_user
from expenses_service.database import Database
from expenses_service.expenses.schemas import ExpenseOut
from tests import postgres
from tests.conftest import client_of
from tests.tokens import SigningKey, access_claims, user_id

ADA = user_id(1)
PATH = "/api/v1/expenses"
DRAFT = {"amount": "12.50", "currency": "EUR", "description": "Lunch"}
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


async def made(client: httpx.AsyncClient, **fields: object) -> dict[str, Any]:
    response = await client.post(PATH, json=DRAFT | fields)
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def url(expense: dict[str, Any]) -> str:
    return f"{PATH}/{expense['id']}"


def problems(response: httpx.Response) -> list[tuple[str, str]]:
    assert response.headers["content-type"] == "application/problem+json"
    return [(each["code"], each["pointer"]) for each in response.json()["errors"]]


async def logged(database: Database, user: UUID = ADA) -> int:
    async with database.transaction() as connection:
        mine = select(func.count()).where(change_log.c.user_id == user)
        return int(await connection.scalar(mine) or 0)


async def test_create_answers_the_whole_expense(ada: httpx.AsyncClient) -> None:
    full = {
        "kind": "refund",
        "amount": "1250",
        "currency": "JPY",
        "spent_on": "2026-05-31",
        "description": "Ünïcode 🧾",
        "merchant": "Café",
        "category": "food",
        "tags": ["Team", "team", "ÄRGER"],
        "payment_method": "bank_transfer",
        "notes": "a\nb\tc",
        "metadata": {"b": "2", "a": ""},
        "source": "bank",
        "external_id": "7",
    }
    response = await ada.post(PATH, json=full)
    assert response.status_code == 201
    body = response.json()
    assert response.headers["location"] == url(body)
    assert response.headers["etag"] == '"1"'
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["vary"] == "Cookie, Authorization"
    assert list(body) == list(ExpenseOut.model_fields)
    assert {name: body[name] for name in full} == full | {"tags": ["team", "ärger"]}
    assert (body["version"], body["deleted_at"]) == (1, None)
    assert body["created_at"] == body["updated_at"]
    assert body["created_at"].endswith("Z")
    assert UUID(body["id"]).version == 7
    read = await ada.get(response.headers["location"])
    assert read.content == response.content
    assert read.headers["etag"] == '"1"'


async def test_what_is_not_sent_has_a_default(ada: httpx.AsyncClient) -> None:
    body = await made(ada)
    assert (body["kind"], body["category"]) == ("expense", "other")
    assert (body["tags"], body["metadata"]) == ([], {})
    empty = ("merchant", "payment_method", "notes", "source", "external_id")
    assert [body[name] for name in empty] == [None] * 5


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_today_is_where_the_user_is(app: FastAPI, signing_key: SigningKey, zone: str) -> None:
    claims = access_claims(user_id(1), zoneinfo=zone)
    async with client_of(app, signing_key.token(claims)) as client:
        days = {made_on(zone), (await made(client))["spent_on"], made_on(zone)}
    assert len(days) <= 2
    assert days & {made_on(zone)}


def made_on(zone: str) -> str:
    return datetime.now(UTC).astimezone(ZoneInfo(zone)).date().isoformat()


async def test_a_number_is_taken_by_value(ada: httpx.AsyncClient) -> None:
    body = '{"amount": 12.10, "currency": "KWD", "description": "x"}'
    response = await ada.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert response.json()["amount"] == "12.100"
    body = '{"amount": 12.3400000000000001, "currency": "EUR", "description": "x"}'
    response = await ada.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert problems(response) == [("amount_range", "/amount")]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"amount": "12.505"}, ("amount_scale", "/amount")),
        ({"amount": "12.50", "currency": "JPY"}, ("amount_scale", "/amount")),
        ({"amount": "0"}, ("amount_range", "/amount")),
        ({"amount": "-1"}, ("amount_range", "/amount")),
        ({"amount": "10000000000000.00"}, ("amount_range", "/amount")),
        ({"amount": "1e2"}, ("amount_format", "/amount")),
        ({"amount": None}, ("amount_format", "/amount")),
        ({"currency": "XAU"}, ("unknown_currency", "/currency")),
        ({"currency": "eur"}, ("unknown_currency", "/currency")),
        ({"category": "nothing"}, ("unknown_category", "/category")),
        ({"spent_on": "31.05.2026"}, ("invalid_date", "/spent_on")),
        ({"spent_on": "1899-12-31"}, ("date_range", "/spent_on")),
        ({"spent_on": "3000-01-01"}, ("date_range", "/spent_on")),
        ({"description": ""}, ("string_too_short", "/description")),
        ({"description": " \u2003"}, ("blank", "/description")),
        ({"description": "a\nb"}, ("control_character", "/description")),
        ({"description": "a\x00b"}, ("control_character", "/description")),
        ({"notes": "a\x0bb"}, ("control_character", "/notes")),
        ({"merchant": "x" * 121}, ("string_too_long", "/merchant")),
        ({"notes": "x" * 2001}, ("string_too_long", "/notes")),
        ({"tags": ["a,b"]}, ("comma", "/tags/0")),
        ({"tags": ["ok", "x" * 41]}, ("string_too_long", "/tags/1")),
        ({"tags": ["İ" * 21]}, ("string_too_long", "/tags/0")),
        ({"tags": [f"t{n}" for n in range(21)]}, ("too_long", "/tags")),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, ("too_long", "/metadata")),
        ({"metadata": {"k": "v" * 501}}, ("string_too_long", "/metadata/k")),
        ({"metadata": {"k": 1}}, ("string_type", "/metadata/k")),
        ({"metadata": {"k": None}}, ("string_type", "/metadata/k")),
        ({"payment_method": "gold"}, ("literal_error", "/payment_method")),
        ({"kind": "gift"}, ("literal_error", "/kind")),
        ({"source": "bank"}, ("incomplete_external_id", "/external_id")),
        ({"external_id": "7"}, ("incomplete_external_id", "/source")),
        ({"source": "x" * 41, "external_id": "7"}, ("string_too_long", "/source")),
        ({"source": "s", "external_id": "x" * 121}, ("string_too_long", "/external_id")),
        ({"id": str(uuid4())}, ("unknown_field", "/id")),
        ({"version": 1}, ("unknown_field", "/version")),
    ],
)
async def test_create_refuses(
    ada: httpx.AsyncClient, database: Database, fields: dict[str, Any], problem: tuple[str, str]
) -> None:
    response = await ada.post(PATH, json=DRAFT | fields)
    assert response.status_code == 422
    assert response.json()["code"] == "validation_error"
    assert problems(response) == [problem]
    assert await logged(database) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": "9999999999999.99"},
        {"amount": 0.01},
        {"description": "ä" * 200},
        {"merchant": "x" * 120},
        {"notes": "x" * 2000},
        {"tags": [f"t{n}" for n in range(20)]},
        {"tags": ["x" * 40]},
        {"metadata": {"k" * 40: "v" * 500} | {f"k{n}": "v" for n in range(49)}},
        {"source": "s" * 40, "external_id": "x" * 120},
        {"spent_on": "1900-01-01"},
        {"spent_on": "2999-12-31"},
        {"spent_on": "2024-02-29"},
    ],
)
async def test_create_takes_limits_at_the_edge(
    ada: httpx.AsyncClient, fields: dict[str, Any]
) -> None:
    body = await made(ada, **fields)
    assert {name: body[name] for name in fields if name != "amount"} == {
        name: value for name, value in fields.items() if name != "amount"
    }


async def test_missing_fields_are_named(ada: httpx.AsyncClient) -> None:
    response = await ada.post(PATH, json={"categry": "food"})
    assert problems(response) == [
        ("required", "/amount"),
        ("required", "/currency"),
        ("required", "/description"),
        ("unknown_field", "/categry"),
    ]
    assert response.json()["errors"][3]["suggestion"] == "category"


async def test_an_archived_category_takes_no_new_expenses(
    ada: httpx.AsyncClient, database: Database
) -> None:
    kept = await made(ada, category="food")
    async with database.transaction() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO categories VALUES ($1, 'food', 'Food', true, false, 2, now(), now())",
            (user_id(1),),
        )
    refused = await ada.post(PATH, json=DRAFT | {"category": "food"})
    assert problems(refused) == [("unknown_category", "/category")]
    moved = await ada.patch(url(await made(ada)), json={"category": "food"})
    assert problems(moved) == [("unknown_category", "/category")]
    edited = await ada.patch(url(kept), json={"category": "food", "notes": "still here"})
    assert edited.status_code == 200


async def test_an_external_id_is_taken_once(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    outside = {"source": "bank", "external_id": "7"}
    first = await made(ada, **outside)
    await made(bob, **outside)
    again = await ada.post(PATH, json=DRAFT | outside)
    assert (again.status_code, again.json()["code"]) == (409, "external_id_taken")
    other = await made(ada)
    patched = await ada.patch(url(other), json=outside)
    assert (patched.status_code, patched.json()["code"]) == (409, "external_id_taken")
    await ada.delete(url(first))
    assert (await ada.post(PATH, json=DRAFT | outside)).status_code == 409


async def test_patch_changes_what_it_names(ada: httpx.AsyncClient) -> None:
    before = await made(ada, merchant="M", notes="n", metadata={"a": "1", "b": "2"})
    patch = {"amount": 13, "merchant": None, "metadata": {"a": None, "c": "3"}, "tags": ["X"]}
    response = await ada.patch(url(before), json=patch, headers=MERGE_PATCH)
    assert response.status_code == 200
    after = response.json()
    assert response.headers["etag"] == '"2"'
    changed = {"amount": "13.00", "merchant": None, "metadata": {"b": "2", "c": "3"}, "tags": ["x"]}
    assert after == before | changed | {"version": 2, "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    assert (await ada.get(url(before))).json() == after


@pytest.mark.parametrize(
    "patch", [{}, {"amount": "12.5"}, {"amount": 12.5, "currency": "EUR"}, {"notes": None}]
)
async def test_a_patch_that_changes_nothing_leaves_no_trace(
    ada: httpx.AsyncClient, database: Database, patch: dict[str, Any]
) -> None:
    before = await made(ada)
    response = await ada.patch(url(before), json=patch)
    assert (response.status_code, response.headers["etag"]) == (200, '"1"')
    assert response.json() == before
    assert await logged(database) == 1


@pytest.mark.parametrize(
    ("patch", "problem"),
    [
        ({"currency": "USD"}, ("amount_required", "/amount")),
        ({"amount": "1.005"}, ("amount_scale", "/amount")),
        ({"amount": None}, ("amount_format", "/amount")),
        ({"description": None}, ("string_type", "/description")),
        ({"currency": None, "amount": 1}, ("string_type", "/currency")),
        ({"spent_on": None}, ("invalid_date", "/spent_on")),
        ({"kind": None}, ("literal_error", "/kind")),
        ({"source": "bank"}, ("incomplete_external_id", "/external_id")),
        ({"deleted_at": None}, ("unknown_field", "/deleted_at")),
    ],
)
async def test_patch_refuses(
    ada: httpx.AsyncClient, patch: dict[str, Any], problem: tuple[str, str]
) -> None:
    before = await made(ada)
    response = await ada.patch(url(before), json=patch)
    assert (response.status_code, problems(response)) == (422, [problem])
    assert (await ada.get(url(before))).json() == before


async def test_if_match(ada: httpx.AsyncClient) -> None:
    target = url(await made(ada))
    good = await ada.patch(target, json={"notes": "a"}, headers={"If-Match": '"7", "1"'})
    assert good.status_code == 200
    for tag in ('"1"', 'W/"2"', '"x"'):
        stale = await ada.patch(target, json={"notes": "b"}, headers={"If-Match": tag})
        assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
        assert stale.json()["current_version"] == 2
        assert (await ada.delete(target, headers={"If-Match": tag})).status_code == 412
    assert (await ada.patch(target, json={}, headers={"If-Match": "*"})).status_code == 200
    bad = await ada.patch(target, json={}, headers={"If-Match": "2"})
    assert bad.json()["errors"][0]["header"] == "If-Match"
    assert (await ada.delete(target, headers={"If-Match": '"2"'})).status_code == 204


async def test_of_two_edits_of_one_version_one_wins(
    ada: httpx.AsyncClient, database: Database
) -> None:
    target = url(await made(ada))
    patches = [{"notes": "a"}, {"merchant": "b"}, {"tags": ["c"]}]
    answers = await asyncio.gather(
        *(ada.patch(target, json=patch, headers={"If-Match": '"1"'}) for patch in patches)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    assert await logged(database) == 2


async def test_edits_of_different_fields_at_once_all_stay(ada: httpx.AsyncClient) -> None:
    target = url(await made(ada))
    patches = [
        {"notes": "a"},
        {"merchant": "b"},
        {"metadata": {"c": "1"}},
        {"metadata": {"d": "2"}},
    ]
    answers = await asyncio.gather(*(ada.patch(target, json=patch) for patch in patches))
    assert sorted(answer.json()["version"] for answer in answers) == [2, 3, 4, 5]
    body = (await ada.get(target)).json()
    assert (body["notes"], body["merchant"]) == ("a", "b")
    assert body["metadata"] == {"c": "1", "d": "2"}


async def test_of_creates_with_one_external_id_one_wins(ada: httpx.AsyncClient) -> None:
    draft = DRAFT | {"source": "bank", "external_id": "7"}
    answers = await asyncio.gather(*(ada.post(PATH, json=draft) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_a_writer_that_waits_for_too_long_is_told_to_come_back(
    ada: httpx.AsyncClient, database: Database
) -> None:
    target = url(await made(ada))
    async with database.transaction() as connection:
        await lock_user(connection, ADA)
        response = await ada.patch(target, json={"notes": "x"})
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response.headers["retry-after"]) >= 1
    assert (await ada.patch(target, json={"notes": "x"})).status_code == 200


async def test_not_modified(ada: httpx.AsyncClient) -> None:
    target = url(await made(ada))
    for tag in ('"1"', 'W/"1"', "*", '"0", "1"'):
        response = await ada.get(target, headers={"If-None-Match": tag})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == '"1"'
    assert (await ada.get(target, headers={"If-None-Match": '"2"'})).status_code == 200


async def test_a_deleted_expense_is_gone_until_it_is_restored(
    ada: httpx.AsyncClient, database: Database
) -> None:
    before = await made(ada)
    target = url(before)
    deleted = await ada.delete(target)
    assert (deleted.status_code, deleted.content) == (204, b"")
    for response in (
        await ada.get(target),
        await ada.patch(target, json={"notes": "x"}),
        await ada.delete(target),
    ):
        assert response.status_code == 404
    assert (await ada.get(PATH)).json()["items"] == []
    restored = await ada.post(f"{target}/restore")
    assert (restored.status_code, restored.headers["etag"]) == (200, '"3"')
    after = restored.json()
    assert after == before | {"version": 3, "updated_at": after["updated_at"]}
    again = await ada.post(f"{target}/restore")
    assert (again.status_code, again.json()) == (200, after)
    assert (await ada.get(PATH)).json()["items"] == [after]
    assert await logged(database) == 3


@pytest.fixture
async def calls(ada: httpx.AsyncClient) -> list[tuple[str, str, Any]]:
    target = url(await made(ada))
    return [
        ("GET", target, None),
        ("PATCH", target, {"notes": "x"}),
        ("DELETE", target, None),
        ("POST", f"{target}/restore", None),
    ]


async def test_another_users_expense_is_like_an_absent_one(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, calls: list[tuple[str, str, Any]]
) -> None:
    before = (await ada.get(calls[0][1])).content
    for method, path, body in calls:
        same = {"X-Request-ID": "same"}
        foreign = await bob.request(method, path, json=body, headers=same)
        nowhere = path.replace(path.split("/")[4], str(uuid4()))
        absent = await bob.request(method, nowhere, json=body, headers=same)
        assert foreign.status_code == 404
        assert foreign.text.replace(path, nowhere) == absent.text
        assert dict(foreign.headers) == dict(absent.headers)
    assert (await ada.get(calls[0][1])).content == before


async def test_nobody_may_do_anything(
    anonymous: httpx.AsyncClient, calls: list[tuple[str, str, Any]]
) -> None:
    for method, path, body in [*calls, ("GET", PATH, None), ("POST", PATH, {"no": 1})]:
        response = await anonymous.request(method, path, json=body)
        assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
        assert response.headers["www-authenticate"] == "Bearer"


async def test_a_reader_may_not_write(
    app: FastAPI, signing_key: SigningKey, calls: list[tuple[str, str, Any]]
) -> None:
    token = signing_key.token(access_claims(user_id(1), scope="expenses:read"))
    async with client_of(app, token) as reader:
        assert (await reader.get(calls[0][1])).status_code == 200
        assert (await reader.get(PATH)).status_code == 200
        for method, path, body in [*calls[1:], ("POST", PATH, DRAFT)]:
            response = await reader.request(method, path, json=body)
            assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")


async def test_unknown_parameters_are_refused(ada: httpx.AsyncClient) -> None:
    target = url(await made(ada))
    for response in (
        await ada.get(f"{target}?x=1"),
        await ada.patch(f"{target}?x=1", json={}),
        await ada.delete(f"{target}?x=1"),
        await ada.post(f"{target}/restore?x=1"),
        await ada.post(f"{PATH}?x=1", json=DRAFT),
    ):
        assert response.status_code == 422
        assert response.json()["errors"][0]["code"] == "unknown_parameter"


async def test_a_constraint_that_no_client_can_meet_is_not_told_as_a_conflict(
    ada: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    rule = "ALTER TABLE expenses ADD CONSTRAINT no_lunch CHECK (description <> 'Lunch')"
    await postgres.execute(urls["owner"], rule)
    try:
        response = await ada.post(PATH, json=DRAFT)
    finally:
        await postgres.execute(urls["owner"], "ALTER TABLE expenses DROP CONSTRAINT no_lunch")
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "no_lunch" not in response.text


async def test_the_order_of_checks(ada: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    target = url(await made(ada))
    text = {"Content-Type": "text/plain"}
    json = {"Content-Type": "application/json"}
    assert (await anonymous.post(PATH, content="{", headers=text)).status_code == 401
    assert (await ada.post(PATH, content="{", headers=text)).status_code == 415
    assert (await ada.post(PATH, content="{", headers=json)).status_code == 400
    assert (await ada.patch(f"{PATH}/{uuid4()}", json={"no": 1})).status_code == 422
    assert (await ada.patch(f"{PATH}/{uuid4()}", json={})).status_code == 404
    stale = {"If-Match": '"9"'}
    assert (await ada.patch(target, json={"no": 1}, headers=stale)).status_code == 422
    assert (await ada.patch(target, json={"category": "no"}, headers=stale)).status_code == 422
    assert (await ada.patch(f"{PATH}/{uuid4()}", json={}, headers=stale)).status_code == 404
    for path, methods in ((PATH, "GET, HEAD, POST"), (target, "DELETE, GET, HEAD, PATCH")):
        response = await ada.put(path, json={})
        assert (response.status_code, response.headers["allow"]) == (405, methods)
    assert (await ada.get(f"{PATH}/no-id")).status_code == 404
