"""GET /categories."""

import asyncio
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import insert, text

from expenses_service.categories.models import categories
from expenses_service.categories.repository import open_slugs
from expenses_service.database import Database
from tests.records import expense, record
from tests.tokens import user_id

PATH = "/api/v1/categories"


async def add(database: Database, number: int, slug: str, **changes: object) -> None:
    row = {"user_id": user_id(number), "slug": slug, "name": slug.title(), "version": 1}
    async with database.transaction() as connection:
        at = (await connection.execute(text("SELECT now()"))).scalar_one()
        values = row | {"created_at": at, "updated_at": at} | changes
        await connection.execute(insert(categories).values(values))


async def test_the_usual_set_is_there_for_a_new_user_and_reading_writes_nothing(
    ada: httpx.AsyncClient, database: Database
) -> None:
    items = (await ada.get(PATH)).json()["items"]
    assert len(items) == 12
    assert items[0] == {
        "slug": "food",
        "name": "Food",
        "archived": False,
        "is_default": True,
        "version": 1,
    }
    async with database.transaction() as connection:
        for table in ("categories", "user_state"):
            count = await connection.scalar(text(f"SELECT count(*) FROM {table}"))  # noqa: S608 - two fixed names
            assert count == 0


async def test_each_user_has_his_own(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, database: Database
) -> None:
    before = (await bob.get(PATH)).headers["etag"]
    await add(database, 1, "zoo")
    await add(database, 1, "food", name="Eating", archived=True, version=2)
    await add(database, 1, "work", deleted=True, version=2)
    mine = {item["slug"]: item for item in (await ada.get(PATH)).json()["items"]}
    assert mine["zoo"]["is_default"] is False
    assert (mine["food"]["name"], mine["food"]["archived"]) == ("Eating", True)
    assert "work" not in mine
    theirs = await bob.get(PATH)
    assert len(theirs.json()["items"]) == 12
    assert theirs.headers["etag"] == before


async def test_conditional_reads(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, database: Database
) -> None:
    first = await ada.get(PATH)
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["vary"] == "Cookie, Authorization"
    condition = {"If-None-Match": first.headers["etag"]}
    again = await ada.get(PATH, headers=condition)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (await bob.get(PATH, headers=condition)).status_code == 200
    await add(database, 1, "zoo")
    assert (await ada.get(PATH, headers=condition)).status_code == 200


async def test_a_parameter_that_nobody_knows(ada: httpx.AsyncClient) -> None:
    response = await ada.get(PATH, params={"archived": "true"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["parameter"] == "archived"


async def test_which_slugs_take_new_expenses(database: Database) -> None:
    await add(database, 1, "zoo")
    await add(database, 1, "food", archived=True, version=2)
    await add(database, 2, "opera")
    async with database.transaction() as connection:
        asked = ["zoo", "food", "travel", "opera", "nonsense"]
        assert await open_slugs(connection, user_id(1), asked) == {"zoo", "travel"}


async def test_a_category_of_ones_own(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    made = await ada.post(PATH, json={"name": "Café & Bar"})
    assert made.status_code == 201
    assert made.headers["location"] == f"{PATH}/cafe-bar"
    assert made.json() == {
        "slug": "cafe-bar",
        "name": "Café & Bar",
        "archived": False,
        "is_default": False,
        "version": 1,
    }
    assert (await ada.get(PATH)).json()["items"][-1] == made.json()
    assert len((await bob.get(PATH)).json()["items"]) == 12
    spent = {"amount": "1", "currency": "EUR", "description": "x", "category": "cafe-bar"}
    assert (await ada.post("/api/v1/expenses", json=spent)).status_code == 201
    assert (await bob.post("/api/v1/expenses", json=spent)).status_code == 422


@pytest.mark.parametrize(
    "body", [{"name": "Food"}, {"name": "FOOD!"}, {"name": "Eating out", "slug": "food"}]
)
async def test_a_slug_that_is_taken(ada: httpx.AsyncClient, body: dict[str, str]) -> None:
    response = await ada.post(PATH, json=body)
    assert (response.status_code, response.json()["code"]) == (409, "slug_taken")


BAD: dict[str, tuple[dict[str, object], str]] = {
    "no name": ({}, "/name"),
    "empty name": ({"name": ""}, "/name"),
    "blank name": ({"name": "  "}, "/name"),
    "long name": ({"name": "x" * 61}, "/name"),
    "NUL": ({"name": "a\0b"}, "/name"),
    "no letters": ({"name": "\u98df\u3079\u7269"}, "/slug"),
    "capitals in the slug": ({"name": "x", "slug": "X"}, "/slug"),
    "a path": ({"name": "x", "slug": "../x"}, "/slug"),
    "long slug": ({"name": "x", "slug": "x" * 65}, "/slug"),
    "unknown field": ({"name": "x", "version": 1}, "/version"),
}


@pytest.mark.parametrize(("body", "pointer"), BAD.values(), ids=BAD)
async def test_what_is_no_category(
    ada: httpx.AsyncClient, body: dict[str, object], pointer: str
) -> None:
    response = await ada.post(PATH, json=body)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_a_retry_adds_nothing(ada: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "once"}
    first = await ada.post(PATH, json={"name": "Zoo"}, headers=key)
    again = await ada.post(PATH, json={"name": "Zoo"}, headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["etag"] == first.headers["etag"]
    other = await ada.post(PATH, json={"name": "Opera"}, headers=key)
    assert other.json()["code"] == "idempotency_key_reused"


async def test_rename_and_archive(ada: httpx.AsyncClient) -> None:
    renamed = await ada.patch(f"{PATH}/food", json={"name": "Eating"})
    assert renamed.status_code == 200
    assert (renamed.json()["name"], renamed.json()["version"]) == ("Eating", 2)
    same = await ada.patch(f"{PATH}/food", json={"name": "Eating"})
    assert (same.json()["version"], same.headers["etag"]) == (2, renamed.headers["etag"])
    archived = await ada.patch(f"{PATH}/food", json={"archived": True})
    assert archived.json()["version"] == 3
    spent = {"amount": "1", "currency": "EUR", "description": "x", "category": "food"}
    refused = await ada.post("/api/v1/expenses", json=spent)
    assert refused.json()["errors"][0]["code"] == "unknown_category"
    await ada.patch(f"{PATH}/food", json={"archived": False})
    assert (await ada.post("/api/v1/expenses", json=spent)).status_code == 201


@pytest.mark.parametrize("body", [{"name": None}, {"archived": 1}, {"slug": "x"}, {"name": ""}])
async def test_a_change_that_cannot_be(ada: httpx.AsyncClient, body: dict[str, object]) -> None:
    response = await ada.patch(f"{PATH}/food", json=body)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == f"/{next(iter(body))}"


async def test_a_stale_condition(ada: httpx.AsyncClient) -> None:
    first = await ada.patch(f"{PATH}/food", json={"name": "Eating"})
    condition = {"If-Match": first.headers["etag"]}
    second = await ada.patch(f"{PATH}/food", json={"name": "Meals"}, headers=condition)
    assert second.status_code == 200
    stale = await ada.patch(f"{PATH}/food", json={"name": "Feasts"}, headers=condition)
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
    assert (await ada.delete(f"{PATH}/food", headers=condition)).status_code == 412


@pytest.mark.parametrize("slug", ["nonsense", "a%00b", "x" * 65, "FOOD", "own-of-ada"])
async def test_what_is_not_there_or_not_ones_own(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, slug: str
) -> None:
    await ada.post(PATH, json={"name": "Own of Ada"})
    for response in (
        await bob.patch(f"{PATH}/{slug}", json={"name": "x"}),
        await bob.delete(f"{PATH}/{slug}"),
    ):
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


async def test_an_unused_one_is_deleted_and_may_come_back(ada: httpx.AsyncClient) -> None:
    for slug in ("work", "zoo"):
        if slug == "zoo":
            await ada.post(PATH, json={"name": "Zoo"})
        assert (await ada.delete(f"{PATH}/{slug}")).status_code == 204
        assert (await ada.delete(f"{PATH}/{slug}")).status_code == 404
        slugs = [item["slug"] for item in (await ada.get(PATH)).json()["items"]]
        assert slug not in slugs
        back = await ada.post(PATH, json={"name": "Again", "slug": slug})
        assert (back.status_code, back.json()["version"]) == (201, 3)


async def test_one_in_use_goes_only_when_its_expenses_have_a_place(
    ada: httpx.AsyncClient, database: Database
) -> None:
    await record(
        database, user_id(1), *(expense(100, "EUR", "2026-05-01", "food") for _ in range(1200))
    )
    deleted = expense(5, "EUR", "2026-05-01", "work", id=uuid4())
    await record(database, user_id(1), deleted)
    refused = await ada.delete(f"{PATH}/food")
    assert (refused.status_code, refused.json()["code"]) == (409, "category_in_use")
    for target in ("food", "nonsense"):
        wrong = await ada.delete(f"{PATH}/food", params={"move_to": target})
        assert wrong.status_code == 422
        assert wrong.json()["errors"][0]["parameter"] == "move_to"
    assert (await ada.delete(f"{PATH}/food", params={"move_to": "travel"})).status_code == 204
    summary = await ada.get("/api/v1/expenses/summary", params={"group_by": "category"})
    groups = [(each["key"]["category"], each["count"]) for each in summary.json()["groups"]]
    assert groups == [("travel", 1200), ("work", 1)]
    rows = await ada.get(
        "/api/v1/expenses/summary", params={"group_by": "month", "to": "2026-05-30"}
    )
    assert rows.json()["totals"] == [{"currency": "EUR", "total": "1200.05", "count": 1201}]


async def test_an_expense_that_was_deleted_does_not_count_as_use(ada: httpx.AsyncClient) -> None:
    spent = {"amount": "1", "currency": "EUR", "description": "x", "category": "work"}
    made = await ada.post("/api/v1/expenses", json=spent)
    assert (await ada.delete(f"{PATH}/work")).status_code == 409
    await ada.delete(made.headers["location"])
    assert (await ada.delete(f"{PATH}/work")).status_code == 204


async def test_no_expense_slips_into_a_category_that_goes(ada: httpx.AsyncClient) -> None:
    outcomes = set()
    for round_ in range(8):
        slug = f"zoo-{round_}"
        await ada.post(PATH, json={"name": "Zoo", "slug": slug})
        spent = {"amount": "1", "currency": "EUR", "description": "x", "category": slug}
        writes = [ada.post("/api/v1/expenses", json=spent) for _ in range(4)]
        writes.insert(round_ % 5, ada.delete(f"{PATH}/{slug}"))
        gone = (await asyncio.gather(*writes))[round_ % 5].status_code
        asked = {"group_by": "category", "category": slug}
        left = (await ada.get("/api/v1/expenses/summary", params=asked)).json()["groups"]
        assert (gone, bool(left)) in {(204, False), (409, True)}
        outcomes.add(gone)
    assert 204 in outcomes
