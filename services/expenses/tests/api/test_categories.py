"""GET /categories."""

import httpx
from sqlalchemy import insert, text

from expenses_service.categories.models import categories
from expenses_service.categories.repository import open_slugs
from expenses_service.database import Database
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
