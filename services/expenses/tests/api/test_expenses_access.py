"""Who may do what with an expense."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from tests import postgres
from tests.conftest import client_of
from tests.expense_calls import DRAFT, PATH, made, url
from tests.tokens import SigningKey, access_claims, user_id


@pytest.fixture
async def calls(ada: httpx.AsyncClient) -> list[tuple[str, str, Any]]:
    target = url(await made(ada))
    return [
        ("GET", target, None),
        ("PATCH", target, {"notes": "x"}),
        ("DELETE", target, None),
        ("POST", f"{target}/restore", None),
    ]


async def test_another_users_expense_is_like_an_absent_one(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, calls: list[tuple[str, str, Any]]
) -> None:
    before = (await ada.get(calls[0][1])).content
    for method, path, body in calls:
        same = {"X-Request-ID": "same"}
        foreign = await bob.request(method, path, json=body, headers=same)
        nowhere = path.replace(path.split("/")[4], str(uuid4()))
        absent = await bob.request(method, nowhere, json=body, headers=same)
        assert foreign.status_code == 404
        assert foreign.text.replace(path, nowhere) == absent.text
        assert dict(foreign.headers) == dict(absent.headers)
    assert (await ada.get(calls[0][1])).content == before


async def test_nobody_may_do_anything(
    anonymous: httpx.AsyncClient, calls: list[tuple[str, str, Any]]
) -> None:
    for method, path, body in [*calls, ("GET", PATH, None), ("POST", PATH, {"no": 1})]:
        response = await anonymous.request(method, path, json=body)
        assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
        assert response.headers["www-authenticate"] == "Bearer"


async def test_a_reader_may_not_write(
    app: FastAPI, signing_key: SigningKey, calls: list[tuple[str, str, Any]]
) -> None:
    token = signing_key.token(access_claims(user_id(1), scope="expenses:read"))
    async with client_of(app, token) as reader:
        assert (await reader.get(calls[0][1])).status_code == 200
        assert (await reader.get(PATH)).status_code == 200
        for method, path, body in [*calls[1:], ("POST", PATH, DRAFT)]:
            response = await reader.request(method, path, json=body)
            assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")


async def test_unknown_parameters_are_refused(ada: httpx.AsyncClient) -> None:
    target = url(await made(ada))
    for response in (
        await ada.get(f"{target}?x=1"),
        await ada.patch(f"{target}?x=1", json={}),
        await ada.delete(f"{target}?x=1"),
        await ada.post(f"{target}/restore?x=1"),
        await ada.post(f"{PATH}?x=1", json=DRAFT),
    ):
        assert response.status_code == 422
        assert response.json()["errors"][0]["code"] == "unknown_parameter"


async def test_a_constraint_that_no_client_can_meet_is_not_told_as_a_conflict(
    ada: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    rule = "ALTER TABLE expenses ADD CONSTRAINT no_lunch CHECK (description <> 'Lunch')"
    await postgres.execute(urls["owner"], rule)
    try:
        response = await ada.post(PATH, json=DRAFT)
    finally:
        await postgres.execute(urls["owner"], "ALTER TABLE expenses DROP CONSTRAINT no_lunch")
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "no_lunch" not in response.text


async def test_the_order_of_checks(ada: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    target = url(await made(ada))
    text = {"Content-Type": "text/plain"}
    json = {"Content-Type": "application/json"}
    assert (await anonymous.post(PATH, content="{", headers=text)).status_code == 401
    assert (await ada.post(PATH, content="{", headers=text)).status_code == 415
    assert (await ada.post(PATH, headers=text)).status_code == 415
    assert (await ada.post(PATH, content="{")).status_code == 415
    empty = await ada.post(PATH)
    assert (empty.status_code, empty.json()["code"]) == (400, "malformed_json")
    assert (await ada.post(PATH, content="{", headers=json)).status_code == 400
    assert (await ada.patch(f"{PATH}/{uuid4()}", json={"no": 1})).status_code == 422
    assert (await ada.patch(f"{PATH}/{uuid4()}", json={})).status_code == 404
    stale = {"If-Match": '"9"'}
    assert (await ada.patch(target, json={"no": 1}, headers=stale)).status_code == 422
    assert (await ada.patch(target, json={"category": "no"}, headers=stale)).status_code == 422
    assert (await ada.patch(f"{PATH}/{uuid4()}", json={}, headers=stale)).status_code == 404
    for path, methods in ((PATH, "DELETE, GET, HEAD, POST"), (target, "DELETE, GET, HEAD, PATCH")):
        response = await ada.put(path, json={})
        assert (response.status_code, response.headers["allow"]) == (405, methods)
    assert (await ada.get(f"{PATH}/no-id")).status_code == 404
