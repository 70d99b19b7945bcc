"""Changing, deleting and restoring expenses, by one and by many at once."""

import asyncio
from typing import Any

import httpx
import pytest

from expenses_service.changes.repository import lock_user
from expenses_service.database import Database
from tests.expense_calls import ADA, DRAFT, MERGE_PATCH, PATH, logged, made, problems, url


async def test_patch_changes_what_it_names(ada: httpx.AsyncClient) -> None:
    before = await made(ada, merchant="M", notes="n", metadata={"a": "1", "b": "2"})
    patch = {"amount": 13, "merchant": None, "metadata": {"a": None, "c": "3"}, "tags": ["X"]}
    response = await ada.patch(url(before), json=patch, headers=MERGE_PATCH)
    assert response.status_code == 200
    after = response.json()
    assert response.headers["etag"] == '"2"'
    changed = {"amount": "13.00", "merchant": None, "metadata": {"b": "2", "c": "3"}, "tags": ["x"]}
    assert after == before | changed | {"version": 2, "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    assert (await ada.get(url(before))).json() == after


@pytest.mark.parametrize(
    "patch", [{}, {"amount": "12.5"}, {"amount": 12.5, "currency": "EUR"}, {"notes": None}]
)
async def test_a_patch_that_changes_nothing_leaves_no_trace(
    ada: httpx.AsyncClient, database: Database, patch: dict[str, Any]
) -> None:
    before = await made(ada)
    response = await ada.patch(url(before), json=patch)
    assert (response.status_code, response.headers["etag"]) == (200, '"1"')
    assert response.json() == before
    assert await logged(database) == 1


@pytest.mark.parametrize(
    ("patch", "problem"),
    [
        ({"currency": "USD"}, ("amount_required", "/amount")),
        ({"amount": "1.005"}, ("amount_scale", "/amount")),
        ({"amount": None}, ("amount_format", "/amount")),
        ({"description": None}, ("string_type", "/description")),
        ({"currency": None, "amount": 1}, ("string_type", "/currency")),
        ({"spent_on": None}, ("invalid_date", "/spent_on")),
        ({"kind": None}, ("literal_error", "/kind")),
        ({"source": "bank"}, ("incomplete_external_id", "/external_id")),
        ({"deleted_at": None}, ("unknown_field", "/deleted_at")),
    ],
)
async def test_patch_refuses(
    ada: httpx.AsyncClient, patch: dict[str, Any], problem: tuple[str, str]
) -> None:
    before = await made(ada)
    response = await ada.patch(url(before), json=patch)
    assert (response.status_code, problems(response)) == (422, [problem])
    assert (await ada.get(url(before))).json() == before


async def test_if_match(ada: httpx.AsyncClient) -> None:
    target = url(await made(ada))
    good = await ada.patch(target, json={"notes": "a"}, headers={"If-Match": '"7", "1"'})
    assert good.status_code == 200
    for tag in ('"1"', 'W/"2"', '"x"'):
        stale = await ada.patch(target, json={"notes": "b"}, headers={"If-Match": tag})
        assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
        assert stale.json()["current_version"] == 2
        assert (await ada.delete(target, headers={"If-Match": tag})).status_code == 412
    assert (await ada.patch(target, json={}, headers={"If-Match": "*"})).status_code == 200
    bad = await ada.patch(target, json={}, headers={"If-Match": "2"})
    assert bad.json()["errors"][0]["header"] == "If-Match"
    assert (await ada.delete(target, headers={"If-Match": '"2"'})).status_code == 204


async def test_of_two_edits_of_one_version_one_wins(
    ada: httpx.AsyncClient, database: Database
) -> None:
    target = url(await made(ada))
    patches = [{"notes": "a"}, {"merchant": "b"}, {"tags": ["c"]}]
    answers = await asyncio.gather(
        *(ada.patch(target, json=patch, headers={"If-Match": '"1"'}) for patch in patches)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    assert await logged(database) == 2


async def test_edits_of_different_fields_at_once_all_stay(ada: httpx.AsyncClient) -> None:
    target = url(await made(ada))
    patches = [
        {"notes": "a"},
        {"merchant": "b"},
        {"metadata": {"c": "1"}},
        {"metadata": {"d": "2"}},
    ]
    answers = await asyncio.gather(*(ada.patch(target, json=patch) for patch in patches))
    assert sorted(answer.json()["version"] for answer in answers) == [2, 3, 4, 5]
    body = (await ada.get(target)).json()
    assert (body["notes"], body["merchant"]) == ("a", "b")
    assert body["metadata"] == {"c": "1", "d": "2"}


async def test_of_creates_with_one_external_id_one_wins(ada: httpx.AsyncClient) -> None:
    draft = DRAFT | {"source": "bank", "external_id": "7"}
    answers = await asyncio.gather(*(ada.post(PATH, json=draft) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


@pytest.mark.impatient
async def test_a_writer_that_waits_for_too_long_is_told_to_come_back(
    ada: httpx.AsyncClient, database: Database
) -> None:
    target = url(await made(ada))
    async with database.transaction(seconds=60) as connection:
        await lock_user(connection, ADA)
        response = await ada.patch(target, json={"notes": "x"})
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response.headers["retry-after"]) >= 1
    assert (await ada.patch(target, json={"notes": "x"})).status_code == 200


async def test_not_modified(ada: httpx.AsyncClient) -> None:
    target = url(await made(ada))
    for tag in ('"1"', 'W/"1"', "*", '"0", "1"'):
        response = await ada.get(target, headers={"If-None-Match": tag})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == '"1"'
    assert (await ada.get(target, headers={"If-None-Match": '"2"'})).status_code == 200


async def test_a_deleted_expense_is_gone_until_it_is_restored(
    ada: httpx.AsyncClient, database: Database
) -> None:
    before = await made(ada)
    target = url(before)
    deleted = await ada.delete(target)
    assert (deleted.status_code, deleted.content) == (204, b"")
    for response in (
        await ada.get(target),
        await ada.patch(target, json={"notes": "x"}),
        await ada.delete(target),
    ):
        assert response.status_code == 404
    assert (await ada.get(PATH)).json()["items"] == []
    restored = await ada.post(f"{target}/restore")
    assert (restored.status_code, restored.headers["etag"]) == (200, '"3"')
    after = restored.json()
    assert after == before | {"version": 3, "updated_at": after["updated_at"]}
    again = await ada.post(f"{target}/restore")
    assert (again.status_code, again.json()) == (200, after)
    assert (await ada.get(PATH)).json()["items"] == [after]
    assert await logged(database) == 3
