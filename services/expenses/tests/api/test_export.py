"""Exports as clients read them."""

import csv
import io
import json
import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from expenses_service.database import Database
from tests.conftest import client_of
from tests.expense_calls import ADA, PATH, made, url
from tests.records import expense, record
from tests.tokens import SigningKey, access_claims, user_id

EXPORT = f"{PATH}/export"
CSV = "text/csv; charset=utf-8; header=present"
FIELDS = [
    "id", "kind", "amount", "currency", "spent_on", "description", "merchant", "category", "tags",
    "payment_method", "notes", "metadata", "source", "external_id", "version", "created_at",
    "updated_at", "deleted_at",
]  # fmt: skip


def lines(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def table(response: httpx.Response) -> list[list[str]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == CSV
    return list(csv.reader(io.StringIO(response.text, newline=""), strict=True))


async def test_ndjson_lines_are_the_documents_of_the_list(ada: httpx.AsyncClient) -> None:
    days = ["2026-05-31", "1900-01-01", "2999-12-31", "2026-05-31"]
    for day in days:
        await made(
            ada, spent_on=day, notes="a\nb\u2028c\u2029\x85d", tags=["x"], metadata={"k": ""}
        )
    listed = (await ada.get(PATH)).json()["items"]
    assert lines(await ada.get(f"{EXPORT}?format=ndjson")) == listed


async def test_a_csv_has_every_field_in_rfc_4180(ada: httpx.AsyncClient) -> None:
    full = await made(
        ada,
        kind="refund",
        amount=1250,
        currency="JPY",
        spent_on="2026-05-31",
        description='Quotes " and, commas',
        merchant="Bäcker 🥨",
        tags=["a", "b c"],
        payment_method="card",
        notes="one\ntwo",
        metadata={"k": 'v"', "a": "=1"},
        source="bank",
        external_id="7",
    )
    empty = await made(ada, spent_on="2026-05-30")
    response = await ada.get(EXPORT)
    head, *rows = table(response)
    assert head == FIELDS
    assert rows[0] == [
        full["id"], "refund", "1250", "JPY", "2026-05-31", 'Quotes " and, commas', "Bäcker 🥨",
        "other", '["a","b c"]', "card", "one\ntwo", '{"a":"=1","k":"v\\""}', "bank", "7", "1",
        full["created_at"], full["updated_at"], "",
    ]  # fmt: skip
    assert rows[1] == [
        empty["id"], "expense", "12.50", "EUR", "2026-05-30", "Lunch", "", "other", "[]", "", "",
        "{}", "", "", "1", empty["created_at"], empty["updated_at"], "",
    ]  # fmt: skip
    assert response.content.count(b"\r\n") == 3
    assert not response.content.startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "'", "\t"])
async def test_no_cell_is_a_formula(ada: httpx.AsyncClient, start: str) -> None:
    text = f"{start}HYPERLINK(1)"
    fields = ("notes",) if start == "\t" else ("description", "merchant", "notes", "source")
    external = {"external_id": "x"} if "source" in fields else {}
    await made(ada, **dict.fromkeys(fields, text), **external)
    head, row = table(await ada.get(EXPORT))
    cells = dict(zip(head, row, strict=True))
    assert {cells[name] for name in fields} == {f"'{text}"}
    (document,) = lines(await ada.get(f"{EXPORT}?format=ndjson"))
    assert {document[name] for name in fields} == {text}


async def test_it_holds_what_the_same_list_would(ada: httpx.AsyncClient) -> None:
    for number, day in enumerate(["2026-05-01", "2026-05-02", "2026-06-01"]):
        category = ["food", "travel"][number % 2]
        await made(
            ada,
            spent_on=day,
            category=category,
            tags=[f"t{number}"],
            amount=number + 1,
            notes=f"word{number}",
        )
    await ada.delete(url(await made(ada, spent_on="2026-05-01")))
    for query, count in {
        "from=2026-05-02": 2,
        "to=2026-05-02&category=food": 1,
        "tag=t1,t2": 2,
        "tag=t1,t2&tag_mode=all": 0,
        "currency=JPY": 0,
        "q=word": 3,
        "q=lunch word1": 1,
        "currency=EUR&min_amount=2&max_amount=2.00": 1,
        "updated_since=2026-01-01T00:00:00Z": 3,
    }.items():
        listed = (await ada.get(f"{PATH}?{query}")).json()["items"]
        assert len(listed) == count, query
        assert lines(await ada.get(f"{EXPORT}?format=ndjson&{query}")) == listed, query
    head, *rows = table(await ada.get(f"{EXPORT}?format=csv&kind=refund"))
    assert (head, rows) == (FIELDS, [])
    assert lines(await ada.get(f"{EXPORT}?format=ndjson&kind=refund")) == []


async def test_it_is_saved_under_a_name_and_kept_by_the_reader_alone(
    app: FastAPI, signing_key: SigningKey
) -> None:
    for zone, form in (("Pacific/Kiritimati", "csv"), ("Etc/GMT+12", "ndjson")):
        claims = access_claims(ADA, zoneinfo=zone)
        async with client_of(app, signing_key.token(claims)) as client:
            response = await client.get(f"{EXPORT}?format={form}")
        name = re.fullmatch(
            rf'attachment; filename="expenses-(\d{{4}}-\d\d-\d\d)\.{form}"',
            response.headers["content-disposition"],
        )
        assert name, response.headers
        assert response.headers["cache-control"] == "private, no-cache"
        assert response.headers["vary"] == "Cookie, Authorization"


async def test_its_tag_names_user_data_and_query(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    expense = await made(ada)
    asked = [(ada, ""), (bob, ""), (ada, "?format=ndjson"), (ada, "?tag=a")]
    tags = [(await client.get(EXPORT + query)).headers["etag"] for client, query in asked]
    assert len(set(tags)) == 4
    again = await ada.get(EXPORT, headers={"If-None-Match": tags[0]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tags[0])
    assert (await ada.get(f"{EXPORT}?format=csv")).headers["etag"] == tags[0]
    await ada.patch(url(expense), json={"notes": "later"})
    fresh = await ada.get(EXPORT, headers={"If-None-Match": tags[0]})
    assert (fresh.status_code, "later" in fresh.text) == (200, True)


async def test_bob_gets_his_own(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    await made(ada)
    mine = await made(bob, description="His")
    assert lines(await bob.get(f"{EXPORT}?format=ndjson")) == [mine]
    assert [row[0] for row in table(await bob.get(EXPORT))] == ["id", mine["id"]]


async def test_who_may_export(
    app: FastAPI, anonymous: httpx.AsyncClient, signing_key: SigningKey
) -> None:
    response = await anonymous.get(f"{EXPORT}?format=pdf")
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    for scope, status in (("expenses:read", 200), ("expenses:write profile:read", 403)):
        token = signing_key.token(access_claims(user_id(1), scope=scope))
        async with client_of(app, token) as client:
            assert (await client.get(EXPORT)).status_code == status


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("format=pdf", "literal_error", "format"),
        ("format=csv&format=csv", "duplicate_parameter", "format"),
        ("formt=csv", "unknown_parameter", "formt"),
        ("limit=10", "unknown_parameter", "limit"),
        ("from=yesterday", "invalid_date", "from"),
    ],
)
async def test_parameters_are_strict(
    ada: httpx.AsyncClient, query: str, code: str, parameter: str
) -> None:
    response = await ada.get(f"{EXPORT}?{query}")
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["code"], error["parameter"]) == (code, parameter)


async def test_other_methods_are_not_allowed(ada: httpx.AsyncClient) -> None:
    response = await ada.post(EXPORT)
    assert response.status_code == 405
    assert {"GET", "HEAD"} <= set(response.headers["allow"].split(", "))
    head = await ada.head(EXPORT)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == (await ada.get(EXPORT)).headers["etag"]


@pytest.mark.parametrize("count", [249, 250, 251, 1001])
async def test_every_row_is_there_once(
    ada: httpx.AsyncClient, database: Database, count: int
) -> None:
    rows = [expense(number + 1, "EUR", "2026-05-31") for number in range(count)]
    await record(database, ADA, *rows)
    got = [line["id"] for line in lines(await ada.get(f"{EXPORT}?format=ndjson"))]
    assert got == sorted((str(row.id) for row in rows), reverse=True)
