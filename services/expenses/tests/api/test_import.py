"""Imports: what is taken over from a file, and how it meets what is there."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from expenses_service.database import Database
from tests.expense_calls import DRAFT, PATH, made, url
from tests.ledger import DIFFERENCES
from tests.transfers import documents, done, faults, imported, listed, sent, table

SHORT = "amount currency description"
NAMED = "source external_id amount currency description"


@pytest.fixture(autouse=True)
async def consistent(database: Database) -> AsyncIterator[None]:
    """After every test rollups, sequence and log are what the rows say."""
    yield
    async with database.transaction() as connection:
        differences = (await connection.execute(text(DIFFERENCES))).one()
    assert tuple(differences) == (0, 0, 0, 0)


async def history(client: httpx.AsyncClient, expense: dict[str, Any]) -> list[tuple[int, str]]:
    response = await client.get(f"{url(expense)}/history")
    return [(item["version"], item["action"]) for item in response.json()["items"]]


async def sequence(client: httpx.AsyncClient) -> list[tuple[str, str]]:
    items = (await client.get("/api/v1/changes?since=0&limit=1000")).json()["items"]
    return [(item["action"], item["expense"]["description"]) for item in items]


async def test_rows_become_expenses_as_if_posted(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    full = {
        "kind": "refund",
        "amount": "1.250",
        "currency": "KWD",
        "spent_on": "2026-05-31",
        "description": "=SUM(1)",
        "merchant": 'a "b", c',
        "category": "food",
        "tags": ["b", "A", "a", 'x"y\\z', "{}"],
        "payment_method": "card",
        "notes": "one\n\ttwo",
        "metadata": {"b": "", "a": 'x"\\'},
        "source": "bank",
        "external_id": "7",
    }
    posted = await made(bob, **full)
    ours = ("id", "created_at", "updated_at")
    short = DRAFT | {"spent_on": "2026-05-30"}
    assert await imported(ada, documents(full, short)) == done(created=2)
    first, second = await listed(ada)
    assert {k: v for k, v in first.items() if k not in ours} == {
        k: v for k, v in posted.items() if k not in ours
    }
    assert (second["tags"], second["category"], second["version"]) == ([], "other", 1)
    assert (await ada.get(url(first))).json() == first
    assert await history(ada, first) == [(1, "created")]
    assert first["created_at"] == first["updated_at"]
    assert first["created_at"].endswith("Z")


async def test_the_changes_come_in_the_order_of_the_file(ada: httpx.AsyncClient) -> None:
    old = await made(ada, description="3")
    rows = [("", "1"), (old["id"], "2"), ("", "0")]
    body = table(f"id {SHORT}", *([id_, "1", "EUR", name] for id_, name in rows))
    assert await imported(ada, body) == done(created=2, updated=1)
    assert await sequence(ada) == [
        ("created", "3"), ("created", "1"), ("updated", "2"), ("created", "0"),
    ]  # fmt: skip


async def test_the_same_file_again_leaves_no_trace(ada: httpx.AsyncClient) -> None:
    body = table(NAMED, *(["bank", n, "1.50", "EUR", f"Lunch {n}"] for n in range(300)))
    assert await imported(ada, body) == done(created=300)
    before = await listed(ada)
    tag = (await ada.get(PATH)).headers["etag"]
    assert await imported(ada, body) == done(unchanged=300)
    assert await listed(ada) == before
    assert (await ada.get(PATH)).headers["etag"] == tag


async def test_an_id_comes_before_an_external_id(ada: httpx.AsyncClient) -> None:
    plain = await made(ada, description="plain")
    named = await made(ada, description="named", source="bank", external_id="7")
    body = table(
        f"id {NAMED}",
        [plain["id"], "bank", "8", "2", "EUR", "by id"],
        ["", "bank", "7", "2", "EUR", "by name"],
        ["", "bank", "9", "2", "EUR", "new"],
    )
    assert await imported(ada, body) == done(created=1, updated=2)
    expenses = {expense["id"]: expense for expense in await listed(ada)}
    assert expenses[plain["id"]]["external_id"] == "8"
    assert (expenses[plain["id"]]["description"], expenses[plain["id"]]["version"]) == ("by id", 2)
    assert expenses[named["id"]]["description"] == "by name"
    assert len(expenses) == 3


async def test_an_id_of_one_s_own_that_is_named_like_another_is_refused(
    ada: httpx.AsyncClient,
) -> None:
    plain = await made(ada)
    await made(ada, source="bank", external_id="7")
    before = await listed(ada)
    body = table(f"id {NAMED}", [plain["id"], "bank", "7", "2", "EUR", "x"])
    response = await sent(ada, body)
    assert response.status_code == 422
    assert faults(response) == [(2, "external_id_taken", "/external_id")]
    assert await listed(ada) == before


async def test_what_a_row_does_not_name_stays(ada: httpx.AsyncClient) -> None:
    kept = {
        "kind": "refund", "spent_on": "2020-02-29", "merchant": "Enzo", "category": "food",
        "tags": ["a"], "payment_method": "card", "notes": "n", "metadata": {"k": "v"},
        "source": "bank", "external_id": "7",
    }  # fmt: skip
    old = await made(ada, **kept)
    rows = documents(DRAFT | {"source": "bank", "external_id": "7", "amount": "13"})
    assert await imported(ada, rows) == done(updated=1)
    (now,) = await listed(ada)
    changed = {"amount": "13.00", "version": 2, "updated_at": now["updated_at"]}
    assert now == old | changed
    assert await imported(ada, documents(DRAFT | {"id": old["id"], "amount": "13"})) == done(
        unchanged=1
    )


async def test_what_a_row_names_as_empty_is_cleared(ada: httpx.AsyncClient) -> None:
    full = {
        "merchant": "Enzo", "category": "food", "tags": ["a"], "payment_method": "card",
        "notes": "n", "metadata": {"k": "v"}, "source": "bank", "external_id": "7",
    }  # fmt: skip
    cleared = dict.fromkeys(full) | {"category": "other", "tags": [], "metadata": {}}
    for empty in ("", None):
        old = await made(ada, kind="refund", spent_on="2020-02-29", **full)
        row = DRAFT | {"id": old["id"]} | dict.fromkeys(full, empty)
        if empty is None:
            body = documents(row | {"spent_on": None})
        else:
            body = table(" ".join([*row, "kind", "spent_on"]), [*row.values(), "", ""])
        assert await imported(ada, body) == done(updated=1)
        now = (await ada.get(url(old))).json()
        assert {name: now[name] for name in full} == cleared
        assert (now["kind"], now["spent_on"]) == ("refund", "2020-02-29")


@pytest.mark.parametrize("half", ["source", "external_id"])
@pytest.mark.parametrize("mode", ["", "mode=partial"])
async def test_half_a_name_that_is_empty_leaves_the_whole_one(
    ada: httpx.AsyncClient, half: str, mode: str
) -> None:
    """One cannot be without the other, and a file with a column less asks for neither."""
    name = {"source": "bank", "external_id": "7"}
    old = await made(ada, **name)
    row = DRAFT | {"id": old["id"], half: None, "amount": "13"}
    assert await imported(ada, documents(row), mode) == done(updated=1)
    body = table(" ".join(row), ["" if value is None else value for value in row.values()])
    assert await imported(ada, body, mode) == done(unchanged=1)
    now = (await ada.get(url(old))).json()
    assert {part: now[part] for part in name} == name
    fresh = DRAFT | {half: None, "description": "of nobody"}
    assert await imported(ada, documents(fresh), mode) == done(created=1)


@pytest.mark.parametrize("key", ["id", "external"])
@pytest.mark.parametrize("amount", ["12.50", "13.00"])
async def test_a_deleted_match_comes_back(ada: httpx.AsyncClient, key: str, amount: str) -> None:
    """So that an export restores what was deleted after it."""
    old = await made(ada, source="bank", external_id="7", notes="kept")
    await ada.delete(url(old))
    name = {"id": old["id"]} if key == "id" else {"source": "bank", "external_id": "7"}
    assert await imported(ada, documents(DRAFT | name | {"amount": amount})) == done(updated=1)
    (now,) = await listed(ada)
    assert (now["id"], now["amount"], now["notes"]) == (old["id"], amount, "kept")
    assert now["deleted_at"] is None
    assert await history(ada, old) == [(1, "created"), (2, "deleted"), (3, "restored")]


async def test_ids_of_others_and_instants_are_not_looked_at(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await made(ada, source="bank", external_id="7", description="hers")
    before = await listed(ada)
    theirs = [expense | {"description": "his"} for expense in before]
    ours = {"version": 17, "created_at": "1990-01-01T00:00:00Z", "updated_at": "x"}
    assert await imported(bob, documents(*(row | ours for row in theirs))) == done(created=1)
    (his,) = await listed(bob)
    assert his["id"] != before[0]["id"]
    assert (his["description"], his["version"], his["external_id"]) == ("his", 1, "7")
    assert his["created_at"] > before[0]["created_at"]
    assert await listed(ada) == before


async def test_two_rows_for_one_expense_are_told_apart(ada: httpx.AsyncClient) -> None:
    old = await made(ada, source="bank", external_id="7")
    body = table(
        f"id {NAMED}",
        [old["id"], "bank", "7", "1", "EUR", "first"],
        ["", "bank", "7", "2", "EUR", "second, by its name"],
        [old["id"], "", "", "3", "EUR", "third, by its id"],
        ["", "bank", "8", "4", "EUR", "first of a new one"],
        ["", "bank", "8", "5", "EUR", "second of it"],
    )
    lines = [(3, 2), (4, 2), (6, 5)]
    whole = await sent(ada, body)
    assert whole.status_code == 422
    assert faults(whole) == [(line, "duplicate_row", "") for line, _ in lines]
    result = await imported(ada, body, "mode=partial")
    assert result | {"errors": []} == done(created=1, updated=1, failed=3)
    assert [error["detail"] for error in result["errors"]] == [
        f"is the same expense as line {first}" for _, first in lines
    ]
    amounts = {expense["amount"] for expense in await listed(ada)}
    assert amounts == {"1.00", "4.00"}


async def test_an_id_of_somebody_else_tells_no_rows_apart(ada: httpx.AsyncClient) -> None:
    absent = "01900000-0000-7000-8000-00000000dead"
    rows = [[absent, "1", "EUR", "one"], [absent, "2", "EUR", "another"]]
    assert await imported(ada, table("id amount currency description", *rows)) == done(created=2)
    listed_ids = {expense["id"] for expense in await listed(ada)}
    assert len(listed_ids) == 2
    assert absent not in listed_ids


async def test_names_may_move_on_but_not_in_a_circle(ada: httpx.AsyncClient) -> None:
    one = await made(ada, source="bank", external_id="1")
    two = await made(ada, source="bank", external_id="2")
    swap = table(
        f"id {NAMED}",
        [one["id"], "bank", "2", "1", "EUR", "x"],
        [two["id"], "bank", "1", "1", "EUR", "x"],
    )
    assert [code for _, code, _ in faults(await sent(ada, swap))] == ["external_id_taken"] * 2
    away = table(
        f"id {NAMED}",
        [one["id"], "bank", "3", "1", "EUR", "x"],
        [two["id"], "shop", "2", "1", "EUR", "x"],
    )
    assert await imported(ada, away) == done(updated=2)
    back = table(NAMED, ["bank", "1", "1", "EUR", "new"], ["bank", "2", "1", "EUR", "new"])
    assert await imported(ada, back) == done(created=2)
