"""DELETE /categories/{slug}?move_to=: many expenses, in batches that hold nobody up for long."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from expenses_service.categories import service
from expenses_service.database import Database
from tests.bulk_calls import bulk, create
from tests.expense_calls import ADA, PATH, made, url
from tests.ledger import AGREED, differences
from tests.records import expense, record

CATEGORIES = "/api/v1/categories"
FOOD = f"{CATEGORIES}/food"
TO_TRAVEL = {"move_to": "travel"}


async def counts(client: httpx.AsyncClient) -> dict[str, int]:
    summary = await client.get(f"{PATH}/summary", params={"group_by": "category"})
    count: Counter[str] = Counter()
    for each in summary.json()["groups"]:  # one for each currency
        count[each["key"]["category"]] += each["count"]
    return dict(count)


async def slugs(client: httpx.AsyncClient) -> list[str]:
    return [each["slug"] for each in (await client.get(CATEGORIES)).json()["items"]]


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOVED_AT_ONCE", 3)


async def some_food(database: Database, number: int) -> None:
    days = ("2026-05-31", "2026-06-01", "2024-02-29", "1900-01-01", "2999-12-31")
    rows = [
        expense(
            each + 1,
            "EUR" if each % 3 else "JPY",
            days[each % 5],
            kind="refund" if each % 4 == 0 else "expense",
            merchant="Ünïcode",
            tags=["a", "b"],
            metadata={"k": "v"},
            notes="n\nn",
        )
        for each in range(number)
    ]
    await record(database, ADA, *rows)


async def test_each_moved_expense_has_a_version(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, database: Database
) -> None:
    full = await made(
        ada,
        category="food", notes="n", tags=["a"], metadata={"k": "v", "a": ""}, source="s",
        external_id="1", spent_on="2024-02-29", kind="refund", payment_method="card",
    )  # fmt: skip
    gone = await made(ada, category="food")
    await ada.delete(url(gone))
    stays, foreign = await made(ada, category="work"), await made(bob, category="food")
    assert (await ada.delete(FOOD, params=TO_TRAVEL)).status_code == 204
    moved = (await ada.get(url(full))).json()
    times = {"version": 2, "updated_at": moved["updated_at"]}
    assert moved == full | {"category": "travel"} | times
    assert moved["updated_at"] > full["updated_at"]
    history = (await ada.get(f"{url(full)}/history")).json()["items"]
    assert [(each["action"], each["expense"]) for each in history] == [
        ("created", full), ("updated", moved)
    ]  # fmt: skip
    last = (await ada.get("/api/v1/changes?since=4")).json()["items"]
    assert [(each["seq"], each["id"], each["expense"]) for each in last] == [(5, full["id"], moved)]
    assert (await ada.get(url(stays))).json() == stays
    assert (await bob.get(url(foreign))).json() == foreign
    assert await differences(database) == AGREED


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 6, 20])
async def test_batches_of_any_number(
    ada: httpx.AsyncClient, database: Database, number: int
) -> None:
    await some_food(database, number)
    assert (await ada.delete(FOOD, params=TO_TRAVEL)).status_code == 204
    assert await counts(ada) == ({"travel": number} if number else {})
    assert "food" not in await slugs(ada)
    assert await differences(database) == AGREED


@pytest.mark.usefixtures("small_batches")
async def test_others_write_in_between_and_nothing_is_lost(
    ada: httpx.AsyncClient, database: Database
) -> None:
    await some_food(database, 40)
    before = (await ada.get(PATH, params={"category": "food"})).json()["items"]

    async def write(item: dict[str, Any]) -> list[int]:
        late = await ada.post(PATH, json={
            "amount": 1, "currency": "EUR", "description": "late", "category": "food"
        })  # fmt: skip
        patch = await ada.patch(url(item), json={"notes": "meanwhile"})
        return [late.status_code, patch.status_code]

    removal = asyncio.create_task(ada.delete(FOOD, params=TO_TRAVEL))
    writes = await asyncio.gather(*(write(item) for item in before[:8]))
    assert (await removal).status_code == 204
    taken = sum(late == 201 for late, _ in writes)
    assert {late for late, _ in writes} <= {201, 422}
    assert {patch for _, patch in writes} == {200}
    assert await counts(ada) == {"travel": 40 + taken}
    noted = (await ada.get(PATH, params={"limit": 200})).json()["items"]
    assert sum(each["notes"] == "meanwhile" for each in noted) == 8
    assert await differences(database) == AGREED


@pytest.mark.usefixtures("small_batches")
async def test_what_takes_too_long_goes_on_when_repeated(
    ada: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOVE_SECONDS", -1)
    await some_food(database, 7)
    tag = (await ada.patch(FOOD, json={"name": "Eating"})).headers["etag"]
    condition = {"If-Match": tag}
    for left in (4, 1):
        response = await ada.delete(FOOD, params=TO_TRAVEL, headers=condition)
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        assert response.headers["retry-after"] == "1"
        assert "repeat" in response.json()["detail"]
        assert await counts(ada) == {"food": left, "travel": 7 - left}
        assert "food" in await slugs(ada)
        assert await differences(database) == AGREED
    for status in (204, 404):
        response = await ada.delete(FOOD, params=TO_TRAVEL, headers=condition)
        assert response.status_code == status


async def test_two_that_move_at_once(ada: httpx.AsyncClient, database: Database) -> None:
    await some_food(database, 30)
    answers = await asyncio.gather(*(ada.delete(FOOD, params=TO_TRAVEL) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [204, 404, 404]
    assert await counts(ada) == {"travel": 30}


async def test_a_target_must_be_open_and_another(ada: httpx.AsyncClient) -> None:
    await made(ada, category="food")
    await ada.patch(f"{CATEGORIES}/work", json={"archived": True})
    await ada.delete(f"{CATEGORIES}/leisure")
    for target in ("food", "work", "leisure", "nothing"):
        response = await ada.delete(FOOD, params={"move_to": target})
        assert response.status_code == 422
        [error] = response.json()["errors"]
        assert (error["parameter"], error["code"]) == ("move_to", "unknown_category")
    for target in ("", "Not a slug", "x" * 65):
        assert (await ada.delete(FOOD, params={"move_to": target})).status_code == 422
    assert await counts(ada) == {"food": 1}


async def test_an_archived_one_can_be_emptied(ada: httpx.AsyncClient) -> None:
    await made(ada, category="food")
    await ada.patch(FOOD, json={"archived": True})
    assert (await ada.delete(FOOD)).json()["code"] == "category_in_use"
    assert (await ada.delete(FOOD, params=TO_TRAVEL)).status_code == 204
    assert await counts(ada) == {"travel": 1}


async def test_very_many(ada: httpx.AsyncClient, database: Database) -> None:
    for _ in range(5):
        await bulk(ada, *[create(category="food")] * 1000)
    assert (await ada.delete(FOOD, params=TO_TRAVEL)).status_code == 204
    assert await counts(ada) == {"travel": 5000}
    assert await differences(database) == AGREED
