import asyncio
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from expenses_service.database import Database
from expenses_service.expenses.schemas import ListQuery
from expenses_service.settings import Settings
from tests.conftest import client_of, running
from tests.ledger import expense
from tests.records import record
from tests.tokens import SigningKey, access_claims, user_id

PATH = "/api/v1/expenses"
DRAFT = {"amount": "12.50", "currency": "EUR", "description": "Lunch"}


async def listed(client: httpx.AsyncClient, **parameters: str | int) -> dict[str, Any]:
    response = await client.get(PATH, params=parameters)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def names(page: dict[str, Any]) -> list[str]:
    return [item["description"] for item in page["items"]]


async def test_a_new_user_has_an_empty_list(ada: httpx.AsyncClient) -> None:
    response = await ada.get(PATH)
    assert response.json() == {"items": [], "next_cursor": None}
    assert "link" not in response.headers
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["vary"] == "Cookie, Authorization"


FILTERS: list[tuple[dict[str, str], str]] = [
    ({}, "edcba"),
    ({"sort": "spent_on"}, "abcde"),
    ({"from": "2026-05-02"}, "edcb"),
    ({"to": "2026-05-03"}, "cba"),
    ({"from": "2026-05-02", "to": "2026-05-02"}, "b"),
    ({"from": "2026-05-03", "to": "2026-05-02"}, ""),
    ({"category": "food"}, "ca"),
    ({"category": "food,travel"}, "dca"),
    ({"category": "nothing"}, ""),
    ({"tag": "x"}, "ba"),
    ({"tag": "Y,z"}, "cb"),
    ({"currency": "EUR"}, "eca"),
    ({"currency": "JPY,EUR"}, "edca"),
    ({"kind": "refund"}, "e"),
    ({"kind": "expense,refund"}, "edcba"),
    ({"category": "food", "tag": "x", "currency": "EUR", "kind": "expense"}, "a"),
]


@pytest.fixture
async def five(database: Database) -> None:
    fields: dict[str, dict[str, object]] = {
        "a": {"category": "food", "tags": ["x"]},
        "b": {"category": "work", "tags": ["x", "y"], "currency": "USD"},
        "c": {"category": "food", "tags": ["z"]},
        "d": {"category": "travel", "currency": "JPY"},
        "e": {"category": "other", "kind": "refund"},
    }
    rows = [
        expense(description=name, spent_on=date(2026, 5, day), **fields[name])
        for day, name in enumerate("abcde", 1)
    ]
    await record(database, user_id(1), *rows)
    await record(database, user_id(2), expense(description="bob's"))


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(("parameters", "wanted"), FILTERS)
async def test_filters(ada: httpx.AsyncClient, parameters: dict[str, str], wanted: str) -> None:
    page = await listed(ada, **parameters)
    assert names(page) == list(wanted)
    assert page["next_cursor"] is None


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(("parameters", "wanted"), FILTERS)
async def test_pages_of_one_are_the_whole(
    ada: httpx.AsyncClient, parameters: dict[str, str], wanted: str
) -> None:
    seen, target = [], f"{PATH}?{httpx.QueryParams(parameters | {'limit': '1'})}"
    while target:
        response = await ada.get(target)
        seen += names(response.json())
        link = response.headers.get("link", "")
        assert bool(link) == (response.json()["next_cursor"] is not None)
        target = link.partition("<")[2].partition(">")[0]
    assert seen == list(wanted)


async def test_equal_days_are_told_apart_by_id(ada: httpx.AsyncClient, database: Database) -> None:
    rows = [expense(description=str(number)) for number in range(7)]
    await record(database, user_id(1), *rows)
    ids = sorted((row.id for row in rows), reverse=True)
    for sort, wanted in (("-spent_on", ids), ("spent_on", ids[::-1])):
        seen: list[UUID] = []
        cursor: dict[str, str] = {}
        while cursor is not None:
            page = await listed(ada, limit=2, sort=sort, **cursor)
            seen += [UUID(item["id"]) for item in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert seen == wanted


@pytest.mark.usefixtures("five")
async def test_a_cursor_is_bound(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    cursor = (await listed(ada, limit=2, kind="expense"))["next_cursor"]
    good = {"cursor": cursor, "kind": "expense"}
    assert names(await listed(ada, limit=3, **good)) == ["b", "a"]
    for client, parameters in (
        (bob, good),
        (ada, {"cursor": cursor}),
        (ada, good | {"kind": "refund"}),
        (ada, good | {"to": "2026-05-31"}),
        (ada, good | {"sort": "spent_on"}),
        (ada, good | {"cursor": cursor[:-2] + "AA"}),
        (ada, good | {"cursor": "x"}),
        (ada, good | {"cursor": ""}),
        (ada, good | {"cursor": cursor * 100}),
        (ada, good | {"cursor": "ä"}),
    ):
        response = await client.get(PATH, params=parameters)
        assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    ("query", "code", "parameter", "suggestion"),
    [
        ("limit=0", "greater_than_equal", "limit", None),
        ("limit=201", "less_than_equal", "limit", None),
        ("limit=1&limit=1", "duplicate_parameter", "limit", None),
        ("categroy=food", "unknown_parameter", "categroy", "category"),
        ("form=2026-01-01", "unknown_parameter", "form", "from"),
        ("from=yesterday", "invalid_date", "from", None),
        ("currency=eur", "unknown_currency", "currency", "EUR"),
        ("kind=gift", "literal_error", "kind", None),
        ("tag=", "string_too_short", "tag", None),
        ("sort=description", "literal_error", "sort", None),
    ],
)
async def test_bad_parameters(
    ada: httpx.AsyncClient, query: str, code: str, parameter: str, suggestion: str | None
) -> None:
    response = await ada.get(f"{PATH}?{query}")
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert (error["code"], error["parameter"], error.get("suggestion")) == (
        code,
        parameter,
        suggestion,
    )


async def test_the_limit_counts(ada: httpx.AsyncClient, database: Database) -> None:
    await record(database, user_id(1), *(expense() for _ in range(201)))
    assert len((await listed(ada))["items"]) == 50
    page = await listed(ada, limit=200)
    assert len(page["items"]) == 200
    rest = await listed(ada, limit=200, cursor=page["next_cursor"])
    assert (len(rest["items"]), rest["next_cursor"]) == (1, None)


async def test_the_entity_tag_is_the_users_and_the_querys(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    tags = [
        (await client.get(PATH, params=parameters)).headers["etag"]
        for client in (ada, bob)
        for parameters in ({}, {"limit": 10}, {"kind": "refund"})
    ]
    assert len(set(tags)) == 6


async def test_not_modified_until_a_write(ada: httpx.AsyncClient) -> None:
    tag = (await ada.get(PATH)).headers["etag"]
    same = await ada.get(PATH, headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    await ada.post(PATH, json=DRAFT)
    changed = await ada.get(PATH, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_a_cached_page_is_the_built_one(ada: httpx.AsyncClient) -> None:
    for _ in range(3):
        await ada.post(PATH, json=DRAFT)
    built = await ada.get(PATH, params={"limit": 2})
    await asyncio.sleep(0.05)
    cached = await ada.get(PATH, params={"limit": 2})
    assert cached.content == built.content
    for name in ("etag", "link", "cache-control", "content-type"):
        assert cached.headers[name] == built.headers[name]


async def test_a_walk_sees_what_stays_exactly_once_while_others_write(
    ada: httpx.AsyncClient, database: Database
) -> None:
    days = [date(2026, month, day) for month in (1, 2) for day in range(1, 21)]
    rows = [expense(spent_on=day, description=str(day)) for day in days]
    await record(database, user_id(1), *rows)
    staying = [str(row.id) for row in rows if row.spent_on.day % 4]
    leaving = iter(str(row.id) for row in rows if not row.spent_on.day % 4)
    seen: list[str] = []
    parameters: dict[str, Any] = {"limit": 3}
    while True:
        page = await listed(ada, **parameters)
        seen += [item["id"] for item in page["items"]]
        await ada.post(PATH, json=DRAFT | {"spent_on": "2026-01-15"})
        await ada.post(PATH, json=DRAFT | {"spent_on": "2026-02-28"})
        await ada.patch(
            f"{PATH}/{staying[len(seen) % len(staying)]}", json={"notes": str(len(seen))}
        )
        if gone := next(leaving, None):
            await ada.delete(f"{PATH}/{gone}")
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert len(seen) == len(set(seen))
    assert [each for each in seen if each in staying] == staying[::-1]


async def test_a_read_after_a_write_is_never_stale(
    app: FastAPI, settings: Settings, signing_key: SigningKey
) -> None:
    """Two processes' worth of applications on one database and one cache, in turn."""
    token = signing_key.token(access_claims(user_id(1)))
    async with (
        running(settings) as other,
        client_of(app, token) as here,
        client_of(other, token) as there,
    ):
        wanted: list[str] = []
        for number in range(30):
            writer, reader = (here, there) if number % 2 else (there, here)
            made = await writer.post(PATH, json=DRAFT | {"spent_on": "2026-05-31"})
            wanted.insert(0, made.json()["id"])
            assert [item["id"] for item in (await listed(reader))["items"]] == wanted
            if number % 5 == 4:
                await reader.delete(f"{PATH}/{wanted.pop()}")
                assert [item["id"] for item in (await listed(writer))["items"]] == wanted


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "from": st.dates().map(str),
            "category": st.lists(st.sampled_from(["food", "a b", "ä&=#"])).map(",".join),
            "tag": st.text(min_size=1, max_size=5),
            "kind": st.sampled_from(["expense", "refund", "refund,expense"]),
            "limit": st.integers(1, 200).map(str),
        },
    )
)
def test_the_next_link_names_the_same_list(parameters: dict[str, str]) -> None:
    try:
        query = ListQuery.model_validate(parameters)
    except ValueError:
        return
    again = ListQuery.model_validate(dict(httpx.QueryParams(query.canonical())))
    assert again.canonical() == query.canonical()
