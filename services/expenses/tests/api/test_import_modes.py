"""Imports: atomic, partial and dry, categories that are not there, errors by line."""

from typing import Any

import httpx
import pytest

from tests.expense_calls import DRAFT, made, url
from tests.transfers import NOTHING, documents, done, faults, imported, listed, sent, table

CATEGORIES = "/api/v1/categories"
SHORT = "amount currency description"
GOOD = ["1.50", "EUR", "good"]
BAD = table(
    SHORT,
    GOOD,
    ["1.505", "EUR", "good"],
    ["x", "eur", ""],
    GOOD,
)
BAD_FAULTS = [
    (3, "amount_scale", "/amount"),
    (4, "amount_format", "/amount"),
    (4, "required", "/description"),
    (4, "unknown_currency", "/currency"),
]


async def version(client: httpx.AsyncClient) -> int:
    answer = (await client.get("/api/v1/changes?since=0&limit=1000")).json()
    return int(answer["next_since"])


async def test_one_bad_row_keeps_all_out(ada: httpx.AsyncClient) -> None:
    await made(ada)
    before = await version(ada)
    for query in ("", "mode=atomic", "mode=atomic&dry_run=true", "dry_run=true"):
        response = await sent(ada, BAD, query)
        assert response.status_code == 422
        problem = response.json()
        assert response.headers["content-type"] == "application/problem+json"
        assert problem["code"] == "validation_error"
        assert sorted(faults(response)) == BAD_FAULTS
        assert {name: problem[name] for name in NOTHING} == NOTHING | {
            "failed": 2,
            "errors": problem["errors"],
        }
        assert await version(ada) == before


async def test_in_parts_the_good_rows_go_in(ada: httpx.AsyncClient) -> None:
    response = await sent(ada, BAD, "mode=partial")
    result = response.json()
    assert response.status_code == 200
    assert sorted(faults(response)) == BAD_FAULTS
    assert result | {"errors": []} == done(created=2, failed=2)
    assert all(error["detail"] for error in result["errors"])
    assert {expense["description"] for expense in await listed(ada)} == {"good"}


async def test_a_dry_run_tells_and_does_nothing(ada: httpx.AsyncClient) -> None:
    old = await made(ada, source="bank", external_id="1")
    same = await made(ada, source="bank", external_id="2")
    rows = [
        DRAFT | {"source": "bank", "external_id": "1", "amount": "13"},
        DRAFT | {"source": "bank", "external_id": "2"},
        DRAFT | {"source": "bank", "external_id": "3", "category": "zoo"},
    ]
    before = await version(ada)
    query = "create_categories=true"
    expected = done(created=1, updated=1, unchanged=1)
    assert await imported(ada, documents(*rows), f"dry_run=true&{query}") == expected
    assert await version(ada) == before
    assert (await ada.get(url(old))).json() == old
    assert "zoo" not in (await ada.get(CATEGORIES)).text
    assert await imported(ada, documents(*rows), query) == expected
    assert await version(ada) == before + 2
    assert (await ada.get(url(same))).json() == same


async def test_an_unknown_category_is_an_error_with_what_it_may_be(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await bob.post(CATEGORIES, json={"name": "Zoo"})
    body = table(f"{SHORT} category", [*GOOD, "zoo"], [*GOOD, "fod"], [*GOOD, "food"])
    response = await sent(ada, body, "mode=partial")
    assert response.json()["created"] == 1
    assert faults(response) == [(n, "unknown_category", "/category") for n in (2, 3)]
    assert [error.get("suggestion") for error in response.json()["errors"]] == [None, "food"]


async def test_categories_are_made_when_asked_for(ada: httpx.AsyncClient) -> None:
    await ada.post(CATEGORIES, json={"name": "Gone"})
    await ada.delete(f"{CATEGORIES}/gone")
    await ada.delete(f"{CATEGORIES}/travel")
    await ada.post(CATEGORIES, json={"name": "Old"})
    await ada.patch(f"{CATEGORIES}/old", json={"archived": True})
    slugs = ["zoo-und-tiere", "gone", "travel", "old", "Zoo!", "zoo-und-tiere"]
    body = table(f"{SHORT} category", *([*GOOD, slug] for slug in slugs))
    query = "mode=partial&create_categories=true"
    response = await sent(ada, body, query)
    assert response.json() | {"errors": []} == done(created=4, failed=2)
    assert faults(response) == [(n, "unknown_category", "/category") for n in (5, 6)]
    items = {item["slug"]: item for item in (await ada.get(CATEGORIES)).json()["items"]}
    assert items["zoo-und-tiere"]["name"] == "Zoo und tiere"
    assert (items["gone"]["version"], items["gone"]["archived"]) == (3, False)
    assert items["travel"]["is_default"]
    assert items["old"]["archived"]
    assert "Zoo!" not in items


async def test_no_category_is_made_for_a_row_that_does_not_go_in(ada: httpx.AsyncClient) -> None:
    old = await made(ada, source="bank", external_id="7")
    body = documents(
        DRAFT | {"amount": "x", "category": "bad-amount"},
        DRAFT | {"id": old["id"], "category": "first"},
        DRAFT | {"source": "bank", "external_id": "7", "category": "second"},
    )
    await imported(ada, body, "mode=partial&create_categories=true")
    slugs = {item["slug"] for item in (await ada.get(CATEGORIES)).json()["items"]}
    assert slugs & {"bad-amount", "first", "second"} == {"first"}


async def test_an_archived_category_keeps_what_it_has_and_takes_no_more(
    ada: httpx.AsyncClient,
) -> None:
    await ada.post(CATEGORIES, json={"name": "Zoo"})
    old = await made(ada, category="zoo")
    other = await made(ada)
    await ada.patch(f"{CATEGORIES}/zoo", json={"archived": True})
    rows = [
        DRAFT | {"id": old["id"], "category": "zoo"},
        DRAFT | {"id": old["id"], "category": "zoo", "notes": "changed"},
        DRAFT | {"id": other["id"], "category": "zoo"},
        DRAFT | {"category": "zoo"},
    ]
    assert await imported(ada, documents(rows[0])) == done(unchanged=1)
    assert await imported(ada, documents(rows[1])) == done(updated=1)
    response = await sent(ada, documents(*rows[2:]))
    assert faults(response) == [(n, "unknown_category", "/category") for n in (1, 2)]


@pytest.mark.parametrize("names_it", [True, False])
@pytest.mark.parametrize("create", [True, False])
async def test_a_category_comes_back_with_its_expense(
    ada: httpx.AsyncClient, *, names_it: bool, create: bool
) -> None:
    """As with a restore; open when it was asked for."""
    await ada.post(CATEGORIES, json={"name": "The zoo", "slug": "zoo"})
    old = await made(ada, category="zoo")
    await ada.delete(url(old))
    await ada.delete(f"{CATEGORIES}/zoo")
    row = DRAFT | {"id": old["id"]} | ({"category": "zoo"} if names_it else {})
    query = f"create_categories={str(create).lower()}"
    assert await imported(ada, documents(row), query) == done(updated=1)
    items = {item["slug"]: item for item in (await ada.get(CATEGORIES)).json()["items"]}
    assert items["zoo"]["archived"] is not create
    assert items["zoo"]["name"] == ("Zoo" if create else "The zoo")
    assert [expense["category"] for expense in await listed(ada)] == ["zoo"]


async def test_where_the_usual_category_is_gone_rows_must_name_one(
    ada: httpx.AsyncClient,
) -> None:
    old = await made(ada, category="food")
    await ada.delete(f"{CATEGORIES}/other")
    rows = documents(DRAFT | {"id": old["id"], "notes": "n"}, DRAFT)
    response = await sent(ada, rows, "mode=partial")
    assert faults(response) == [(2, "unknown_category", "/category")]
    assert response.json() | {"errors": []} == done(updated=1, failed=1)


@pytest.mark.parametrize("mode", ["atomic", "partial"])
@pytest.mark.parametrize("count", [50, 51, 100, 101])
async def test_as_many_errors_as_may_be_told(ada: httpx.AsyncClient, mode: str, count: int) -> None:
    """Half of them are found in the file, half in the user's data."""
    rows = [["x", "EUR", "x", "food"], ["1", "EUR", "x", "nowhere"]] * 51
    response = await sent(ada, table(f"{SHORT} category", *rows[:count]), f"mode={mode}")
    told = min(count, 50 if mode == "atomic" else 100)
    assert response.json()["failed"] == count
    assert [line for line, _, _ in faults(response)] == list(range(2, told + 2))


@pytest.mark.parametrize("mode", ["atomic", "partial"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("amount;currency;description\n", [(1, "invalid_separator", "")]),
        ("amount,currency\n1,EUR\n", [(1, "required", "/description")]),
        ("amount,currency,description\n1,EUR,x\n1,EUR,\xfc\n", [(3, "invalid_encoding", "")]),
        ('{"amount":"1","currency":"EUR","description":"\xfc"}', [(1, "invalid_encoding", "")]),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_in_every_mode(
    ada: httpx.AsyncClient, mode: str, body: str, expected: list[Any]
) -> None:
    response = await sent(ada, body.encode("latin-1"), f"mode={mode}")
    assert response.status_code == 422
    assert faults(response) == expected
    assert "failed" not in response.json()
    assert await listed(ada) == []


@pytest.mark.parametrize("body", ["", "\n \n", "\ufeff"])
async def test_no_rows_are_nothing_to_do(ada: httpx.AsyncClient, body: str) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    response = await ada.post("/api/v1/expenses/import", content=body, headers=headers)
    assert (response.status_code, response.json()) == (200, NOTHING)
    assert await imported(ada, table(SHORT)) == NOTHING
