"""How many categories a user may make, one by one and by an import."""

import httpx
from sqlalchemy import text

from expenses_service.categories.errors import MAX_OWN
from expenses_service.database import Database
from tests.expense_calls import ADA, PATH, logged
from tests.transfers import done, imported, sent, table

CATEGORIES = "/api/v1/categories"
FILL = text("""
INSERT INTO categories (user_id, slug, name, version, created_at, updated_at, deleted)
SELECT :user, 'own-' || n, 'Own', 1, now(), now(), n = 1 FROM generate_series(1, :count) AS n
""")


async def fill(database: Database, count: int) -> None:
    """So many rows, the first of a deleted category."""
    async with database.transaction() as connection:
        await connection.execute(FILL, {"user": ADA, "count": count})


def refused(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["code"]) == (409, "too_many_categories")


async def test_one_by_one(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, database: Database
) -> None:
    await ada.patch(f"{CATEGORIES}/food", json={"name": "Meals"})
    await fill(database, MAX_OWN - 1)
    assert (await ada.post(CATEGORIES, json={"name": "Last"})).status_code == 201
    answer = await ada.post(CATEGORIES, json={"name": "One more"})
    assert refused(answer)
    assert "5,000" in answer.json()["detail"]
    assert (await ada.post(CATEGORIES, json={"name": "Own 1"})).status_code == 201  # comes back
    assert (await ada.post(CATEGORIES, json={"name": "Last"})).json()["code"] == "slug_taken"
    assert (await ada.patch(f"{CATEGORIES}/last", json={"name": "New"})).status_code == 200
    assert (await bob.post(CATEGORIES, json={"name": "One more"})).status_code == 201


def file(*slugs: str) -> str:
    row = ["2026-05-31", "1", "EUR", "Lunch"]
    return table("spent_on amount currency description category", *([*row, slug] for slug in slugs))


async def test_by_an_import(ada: httpx.AsyncClient, database: Database) -> None:
    await fill(database, MAX_OWN - 2)
    for query in ("create_categories=true", "create_categories=true&dry_run=true"):
        assert refused(await sent(ada, file("a", "b", "c"), query))
    assert await logged(database) == 0
    whole = "create_categories=true"
    assert await imported(ada, file("a", "food", "b", "own-1", "own-2"), whole) == done(created=5)
    assert refused(await sent(ada, file("c"), whole))
    assert await imported(ada, file("a", "travel"), whole) == done(created=2)
    assert len((await ada.get(CATEGORIES)).json()["items"]) == 12 + MAX_OWN


async def test_what_is_refused_for_its_rows_is_told_first(
    ada: httpx.AsyncClient, database: Database
) -> None:
    """And rows that do not go in make nothing."""
    await fill(database, MAX_OWN)
    body = file("a", "food") + "2026-05-31,0,EUR,Lunch,b\n"
    assert (await sent(ada, body, "create_categories=true")).status_code == 422
    body = file("food") + "2026-05-31,0,EUR,Lunch,b\n"
    answer = await imported(ada, body, "create_categories=true&mode=partial")
    assert (answer["created"], answer["failed"]) == (1, 1)


async def test_who_has_more_can_use_them(ada: httpx.AsyncClient, database: Database) -> None:
    """From before there was a limit; those of the usual set are not made by anybody."""
    await ada.patch(f"{CATEGORIES}/food", json={"name": "Meals"})
    await fill(database, MAX_OWN + 1)
    assert (await ada.patch(f"{CATEGORIES}/travel", json={"name": "Ways"})).status_code == 200
    for query in ("", "create_categories=true"):
        assert await imported(ada, file("food", "own-2", "work"), query) == done(created=3)
    assert refused(await sent(ada, file("a"), "create_categories=true"))


async def test_all_at_once(ada: httpx.AsyncClient) -> None:
    slugs = [f"own-{n}" for n in range(MAX_OWN)]
    assert refused(await sent(ada, file(*slugs, "x"), "create_categories=true"))
    assert await imported(ada, file(*slugs), "create_categories=true") == done(created=MAX_OWN)
    assert len((await ada.get(PATH, params={"category": slugs[-1]})).json()["items"]) == 1
