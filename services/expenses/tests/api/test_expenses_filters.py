"""GET /expenses by each filter and in each order, with the total of what passes."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from expenses_service.database import Database
from expenses_service.expenses.models import Expense
from tests.expense_calls import PATH
from tests.ledger import expense
from tests.records import record
from tests.tokens import user_id

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
FIELDS: dict[str, dict[str, object]] = {
    "a": {"amount": 500, "merchant": "Enzo", "tags": ["x"]},
    "b": {"amount": 100, "merchant": "Aubergine, Inc.", "tags": ["x", "y"]},
    "c": {"amount": 300, "payment_method": "card", "currency": "USD"},
    "d": {"amount": 300, "merchant": "enzo", "payment_method": "cash"},
    "e": {"amount": 900, "kind": "refund", "tags": ["y"]},
}


@pytest.fixture
async def five(database: Database) -> list[Expense]:
    """Spent on the days from 1 to 5 May, made in the opposite order, an hour apart."""
    rows = [
        expense(
            description=name,
            spent_on=date(2026, 5, 1 + place),
            created_at=NOON - timedelta(hours=place, microseconds=place),
            updated_at=NOON + timedelta(hours=place),
            **FIELDS[name],
        )
        for place, name in enumerate("abcde")
    ]
    await record(database, user_id(1), *rows)
    await record(database, user_id(2), *(expense(description="bob's") for _ in range(3)))
    return rows


PAGES: list[tuple[dict[str, str], str]] = [
    ({"sort": "-created_at"}, "abcde"),
    ({"sort": "created_at"}, "edcba"),
    ({"sort": "amount", "currency": "EUR"}, "bdae"),
    ({"sort": "-amount", "currency": "EUR"}, "eadb"),
    ({"tag": "x,y"}, "eba"),
    ({"tag": "x,y", "tag_mode": "any"}, "eba"),
    ({"tag": "x,Y", "tag_mode": "all"}, "b"),
    ({"tag_mode": "all"}, "edcba"),
    ({"merchant": "Enzo"}, "a"),
    ({"merchant": "Enzo,enzo"}, "da"),
    ({"merchant": "Aubergine, Inc.,enzo"}, "db"),
    ({"merchant": "Aubergine"}, ""),
    ({"payment_method": "card"}, "c"),
    ({"payment_method": "cash,card"}, "dc"),
    ({"currency": "EUR", "min_amount": "3"}, "eda"),
    ({"currency": "EUR", "max_amount": "3.00"}, "db"),
    ({"currency": "EUR", "min_amount": "3.01", "max_amount": "5.00"}, "a"),
    ({"currency": "EUR", "min_amount": "5", "max_amount": "3"}, ""),
    ({"updated_since": "2026-05-01T15:00:00Z"}, "ed"),
    ({"updated_since": "2026-05-01T17:00:00+02:00"}, "ed"),
    ({"updated_since": "2026-05-01T15:00:00.000001Z"}, "e"),
    ({"currency": "EUR", "kind": "expense", "tag": "x", "max_amount": "1", "q": "B"}, "b"),
]


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(("parameters", "wanted"), PAGES)
async def test_pages_of_two_with_their_total(
    ada: httpx.AsyncClient, parameters: dict[str, str], wanted: str
) -> None:
    asked = parameters | {"limit": "2", "include": "total"}
    seen, target = "", f"{PATH}?{httpx.QueryParams(asked)}"
    while target:
        response = await ada.get(target)
        assert response.status_code == 200, response.text
        page = response.json()
        assert page["total"] == len(wanted)
        seen += "".join(item["description"] for item in page["items"])
        link = response.headers.get("link", "")
        assert bool(link) == (page["next_cursor"] is not None)
        target = link.partition("<")[2].partition(">")[0]
    assert seen == wanted


@pytest.mark.usefixtures("five")
async def test_the_total_is_there_when_asked_for(ada: httpx.AsyncClient) -> None:
    assert (await ada.get(PATH)).json().keys() == {"items", "next_cursor"}
    with_total = await ada.get(PATH, params={"include": "total"})
    assert with_total.json()["total"] == 5
    assert (await ada.get(PATH, params={"include": "total,total"})).json()["total"] == 5
    assert with_total.headers["etag"] != (await ada.get(PATH)).headers["etag"]


async def test_the_total_of_nothing(bob: httpx.AsyncClient) -> None:
    for parameters in ({}, {"tag": "x"}):
        response = await bob.get(PATH, params={"include": "total", **parameters})
        assert response.json() == {"items": [], "next_cursor": None, "total": 0}


async def test_the_total_follows_every_write(ada: httpx.AsyncClient, five: list[Expense]) -> None:
    """From the monthly sums and from rows: of all, of a word that two have, of nearly all days."""
    asked: list[dict[str, str]] = [{}, {"q": "a"}, {"to": "2026-05-30"}]
    for wanted in ([5, 2, 5], [4, 1, 4]):
        answers = [
            await ada.get(PATH, params=each | {"include": "total", "limit": "1"}) for each in asked
        ]
        assert [answer.json()["total"] for answer in answers] == wanted
        await ada.delete(f"{PATH}/{five[0].id}")


async def test_the_cursor_does_not_depend_on_the_total(
    ada: httpx.AsyncClient, five: list[Expense]
) -> None:
    cursor = (await ada.get(PATH, params={"limit": 2})).json()["next_cursor"]
    rest = await ada.get(PATH, params={"cursor": cursor, "include": "total"})
    assert [item["description"] for item in rest.json()["items"]] == ["c", "b", "a"]
    assert rest.json()["total"] == len(five)


@pytest.mark.usefixtures("five")
async def test_a_cursor_of_one_order_opens_no_other(ada: httpx.AsyncClient) -> None:
    orders = ("-spent_on", "spent_on", "-amount", "amount", "-created_at", "created_at")
    for made in orders:
        asked = {"limit": "1", "sort": made, "currency": "EUR"}
        cursor = (await ada.get(PATH, params=asked)).json()["next_cursor"]
        for used in orders:
            parameters = {"sort": used, "currency": "EUR", "cursor": cursor}
            response = await ada.get(PATH, params=parameters)
            assert response.status_code == (200 if used == made else 400)
        other = await ada.get(PATH, params=asked | {"currency": "EUR,USD", "cursor": cursor})
        assert other.status_code == (422 if "amount" in made else 400)


@pytest.mark.parametrize(
    ("query", "code", "parameter", "suggestion"),
    [
        ("sort=amount", "currency_required", "sort", None),
        ("currency=EUR,USD&min_amount=1", "currency_required", "min_amount", None),
        ("currency=JPY&max_amount=1.5", "amount_scale", "max_amount", None),
        ("currency=EUR&currency=USD", "duplicate_parameter", "currency", None),
        ("mearchant=Enzo", "unknown_parameter", "mearchant", "merchant"),
        ("tagmode=all", "unknown_parameter", "tagmode", "tag_mode"),
        ("updated_sinse=2026-05-01", "unknown_parameter", "updated_sinse", "updated_since"),
        ("include=totals", "literal_error", "include", None),
        ("q=%26", "no_words", "q", None),
        ("q=a%00b", "control_character", "q", None),
    ],
)
async def test_refused(
    ada: httpx.AsyncClient, query: str, code: str, parameter: str, suggestion: str | None
) -> None:
    response = await ada.get(f"{PATH}?{query}")
    assert response.status_code == 422
    [error] = response.json()["errors"]
    told = (error["code"], error["parameter"], error.get("suggestion"))
    assert told == (code, parameter, suggestion)


async def test_every_example_of_the_specification_is_taken(
    app: FastAPI, ada: httpx.AsyncClient
) -> None:
    document = app.openapi()
    for path, more in ((PATH, {}), (f"{PATH}/summary", {"group_by": "month"})):
        told: list[dict[str, Any]] = document["paths"][path]["get"]["parameters"]
        examples = {each["name"]: each["schema"].get("examples", []) for each in told}
        assert sum(map(len, examples.values())) > 3
        for name, values in examples.items():
            for value in values:
                text = ",".join(value) if isinstance(value, list) else value
                response = await ada.get(path, params=more | {name: text})
                assert response.status_code == 200, (path, name, response.text)
