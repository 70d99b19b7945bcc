"""Recording an expense: what is taken, what is refused, what is filled in."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI

from expenses_service.database import Database
from expenses_service.expenses.schemas import ExpenseOut
from tests.conftest import client_of
from tests.expense_calls import DRAFT, PATH, logged, made, problems, url
from tests.tokens import SigningKey, access_claims, user_id


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
        ({"metadata": {"k" * 41: "v"}}, ("string_too_long", f"/metadata/{'k' * 41}")),
        ({"metadata": {"a/b\n": "v"}}, ("control_character", "/metadata/a~1b\n")),
        ({"metadata": {"": "v"}}, ("string_too_short", "/metadata/")),
        ({"metadata": {"[key]": "v" * 501}}, ("string_too_long", "/metadata/[key]")),
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
