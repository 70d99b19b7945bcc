"""POST /expenses/{id}/restore: what was deleted comes back as it was, and where it was."""

import asyncio
from typing import Any

import httpx
import pytest

from expenses_service.database import Database
from tests.expense_calls import DRAFT, PATH, logged, made, problems, url
from tests.ledger import AGREED, differences

CATEGORIES = "/api/v1/categories"


async def category(client: httpx.AsyncClient, slug: str) -> dict[str, Any] | None:
    items = (await client.get(CATEGORIES)).json()["items"]
    return next((each for each in items if each["slug"] == slug), None)


async def deleted(client: httpx.AsyncClient, **fields: object) -> dict[str, Any]:
    expense = await made(client, **fields)
    assert (await client.delete(url(expense))).status_code == 204
    return expense


async def test_a_live_one_stays_as_it_is(ada: httpx.AsyncClient, database: Database) -> None:
    expense = await made(ada)
    response = await ada.post(f"{url(expense)}/restore")
    assert (response.status_code, response.headers["etag"]) == (200, '"1"')
    assert response.json() == expense
    assert await logged(database) == 1


async def test_a_condition_is_on_the_deleted_version(ada: httpx.AsyncClient) -> None:
    target = f"{url(await deleted(ada))}/restore"
    stale = await ada.post(target, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["current_version"]) == (412, 2)
    good = await ada.post(target, headers={"If-Match": '"2"'})
    assert (good.status_code, good.json()["version"]) == (200, 3)
    assert (await ada.post(target, headers={"If-Match": '"2"'})).status_code == 412


async def test_its_external_id_was_kept_for_it(ada: httpx.AsyncClient) -> None:
    """Nobody can take it meanwhile, so a restored one never meets another of its name."""
    name = {"source": "bank", "external_id": "7"}
    expense = await deleted(ada, **name)
    other = await made(ada)
    for refused in (
        await ada.post(PATH, json=DRAFT | name),
        await ada.patch(url(other), json=name),
    ):
        assert (refused.status_code, refused.json()["code"]) == (409, "external_id_taken")
        assert "deleted" in refused.json()["detail"]
    restored = await ada.post(f"{url(expense)}/restore")
    assert (restored.status_code, restored.json()["external_id"]) == (200, "7")


@pytest.mark.parametrize("move", [{}, {"move_to": "travel"}])
@pytest.mark.parametrize("slug", ["food", "zoo"])
async def test_its_category_comes_back_with_it(
    ada: httpx.AsyncClient, database: Database, slug: str, move: dict[str, str]
) -> None:
    """As archived: what was deleted shall not take new expenses, but this one is in no other."""
    await ada.post(CATEGORIES, json={"name": "Zoo"})
    expense = await deleted(ada, category=slug)
    assert (await ada.delete(f"{CATEGORIES}/{slug}", params=move)).status_code == 204
    assert await category(ada, slug) is None
    restored = await ada.post(f"{url(expense)}/restore")
    assert restored.json() == expense | {
        "version": 3, "updated_at": restored.json()["updated_at"]
    }  # fmt: skip
    back = await category(ada, slug)
    assert back is not None
    assert (back["archived"], back["version"], back["name"]) == (True, 3, slug.capitalize())
    assert problems(await ada.post(PATH, json=DRAFT | {"category": slug})) == [
        ("unknown_category", "/category")
    ]
    assert (await ada.delete(f"{CATEGORIES}/{slug}")).status_code == 409
    moved = await ada.delete(f"{CATEGORIES}/{slug}", params={"move_to": "travel"})
    assert moved.status_code == 204
    assert (await ada.get(url(expense))).json()["category"] == "travel"
    assert await differences(database) == AGREED


async def test_a_category_that_is_there_stays_as_it_is(ada: httpx.AsyncClient) -> None:
    for archived in (False, True):
        expense = await deleted(ada, category="food")
        before = (await ada.patch(f"{CATEGORIES}/food", json={"archived": archived})).json()
        assert (await ada.post(f"{url(expense)}/restore")).status_code == 200
        assert await category(ada, "food") == before


async def test_one_that_is_revived_needs_a_category_that_is_open(ada: httpx.AsyncClient) -> None:
    """A PUT says where it shall be; a restore does not."""
    path = f"{PATH}/by-external/bank/7"
    expense = await deleted(ada, category="food", source="bank", external_id="7")
    await ada.delete(f"{CATEGORIES}/food")
    refused = await ada.put(f"{path}?revive=true", json=DRAFT | {"category": "food"})
    assert problems(refused) == [("unknown_category", "/category")]
    revived = await ada.put(f"{path}?revive=true", json=DRAFT | {"category": "travel"})
    assert (revived.status_code, revived.json()["id"]) == (200, expense["id"])
    assert await category(ada, "food") is None


async def test_restored_by_many_at_once_it_has_one_new_version(
    ada: httpx.AsyncClient, database: Database
) -> None:
    expense = await deleted(ada)
    answers = await asyncio.gather(*(ada.post(f"{url(expense)}/restore") for _ in range(8)))
    assert {(each.status_code, each.json()["version"]) for each in answers} == {(200, 3)}
    assert await logged(database) == 3
