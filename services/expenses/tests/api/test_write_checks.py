"""The order of checks is the same for every call that writes (API.md, section 1)."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from expenses_service.database import Database
from tests.bulk_calls import BULK, create
from tests.conftest import client_of
from tests.expense_calls import ADA, DRAFT, PATH, logged, made, url
from tests.tokens import SigningKey, access_claims

CATEGORIES = "/api/v1/categories"
JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}
CALLS: dict[str, tuple[str, str, Any]] = {
    "create": ("POST", PATH, DRAFT),
    "change": ("PATCH", "{url}", {"notes": "x"}),
    "delete": ("DELETE", "{url}", None),
    "restore": ("POST", "{url}/restore", None),
    "put": ("PUT", f"{PATH}/by-external/bank/1", DRAFT),
    "bulk": ("POST", BULK, {"operations": [create()]}),
    "add category": ("POST", CATEGORIES, {"name": "Zoo"}),
    "change category": ("PATCH", f"{CATEGORIES}/food", {"name": "Eating"}),
    "delete category": ("DELETE", f"{CATEGORIES}/food", None),
}
WITH_BODY = [name for name, (_, _, body) in CALLS.items() if body is not None]
TWICE = {"Cookie": "ea_access=x", "Authorization": "Bearer x"}
BIG = str(64 * 1024 * 1024)


@pytest.fixture
async def target(ada: httpx.AsyncClient) -> str:
    return url(await made(ada))


def path_of(name: str, target: str, query: str = "?nonsense=1") -> str:
    return CALLS[name][1].replace("{url}", target) + query


async def send(
    client: httpx.AsyncClient,
    name: str,
    path: str,
    content: str | bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, str]:
    method = CALLS[name][0]
    response = await client.request(method, path, content=content, headers=headers)
    return response.status_code, response.json()["code"] if response.status_code >= 400 else ""


@pytest.mark.parametrize("name", CALLS)
async def test_who_may_comes_before_what(
    app: FastAPI, signing_key: SigningKey, database: Database, target: str, name: str
) -> None:
    path = path_of(name, target)
    token = signing_key.token(access_claims(ADA, scope="expenses:read"))
    cookie = TEXT | {"Cookie": f"ea_access={token}", "Sec-Fetch-Site": "cross-site"}
    async with client_of(app) as anonymous, client_of(app, token) as reader:
        for headers, answer in (
            (TEXT | {"Content-Length": BIG}, (413, "body_too_large")),
            (TEXT | TWICE, (400, "ambiguous_credentials")),
            (TEXT, (401, "not_authenticated")),
            (cookie, (403, "cross_site_request")),
        ):
            assert await send(anonymous, name, path, "{", headers) == answer
        assert await send(reader, name, path, "{", TEXT) == (403, "insufficient_scope")
    assert await logged(database) == 1


@pytest.mark.parametrize("name", WITH_BODY)
async def test_the_type_then_the_text_then_the_fields(
    ada: httpx.AsyncClient, database: Database, target: str, name: str
) -> None:
    path, body = path_of(name, target), CALLS[name][2]
    gzip, as_it_is = (JSON | {"Content-Encoding": coding} for coding in ("gzip", "Identity"))
    for headers in (TEXT, {}, {"Content-Type": "multipart/form-data"}, gzip):
        assert await send(ada, name, path, b"{", headers) == (415, "unsupported_media_type")
    assert await send(ada, name, path, b"{", as_it_is) == (400, "malformed_json")
    for text in (b"", b"{", b'{"a":1,"a":2}', b"\xff", b'{"a":NaN}', b"{} {}", b"[" * 100_000):
        assert await send(ada, name, path, text, JSON) == (400, "malformed_json")
    bodies: list[object] = [None, [], "x", 1, body | {"nonsense": 1}]
    for wrong in bodies:
        headers = JSON | {"If-Match": '"9"'}
        answer = await send(ada, name, path_of(name, target, ""), json.dumps(wrong), headers)
        assert answer == (422, "validation_error")
    assert await logged(database) == 1


@pytest.mark.parametrize("name", WITH_BODY)
async def test_at_most_fifty_errors_are_told(
    ada: httpx.AsyncClient, target: str, name: str
) -> None:
    method, _, body = CALLS[name]
    for number, told in ((50, 50), (51, 50)):
        many = body | {f"x{each}": 1 for each in range(number)}
        response = await ada.request(method, path_of(name, target, ""), json=many)
        assert (response.status_code, len(response.json()["errors"])) == (422, told)


@pytest.mark.parametrize("name", CALLS)
async def test_parameters_are_known_and_single(
    ada: httpx.AsyncClient, database: Database, target: str, name: str
) -> None:
    method, _, body = CALLS[name]
    for query, code in (("?x=1", "unknown_parameter"), ("?x=1&x=1", "duplicate_parameter")):
        response = await ada.request(method, path_of(name, target, query), json=body)
        assert response.status_code == 422
        [error] = response.json()["errors"]
        assert (error["code"], error["parameter"]) == (code, "x")
    assert await logged(database) == 1


@pytest.mark.parametrize("name", ["change", "delete", "restore"])
async def test_fields_then_absence_then_the_version(
    ada: httpx.AsyncClient, target: str, name: str
) -> None:
    nowhere = path_of(name, f"{PATH}/{uuid4()}", "")
    body = json.dumps(CALLS[name][2]) if CALLS[name][2] else None
    bad, stale = JSON | {"If-Match": "9"}, JSON | {"If-Match": '"9"'}
    assert await send(ada, name, nowhere, body, bad) == (422, "validation_error")
    assert await send(ada, name, nowhere, body, stale) == (404, "not_found")
    there = path_of(name, target, "")
    assert await send(ada, name, there, body, stale) == (412, "version_conflict")


async def test_a_category_is_judged_before_absence(ada: httpx.AsyncClient, target: str) -> None:
    await ada.delete(target)
    for path in (f"{PATH}/{uuid4()}", target):
        for category, status in (("nothing", 422), ("travel", 404), (None, 404)):
            answer = await ada.patch(path, json={"category": category})
            assert answer.status_code == status
            operation = {"op": "update", "id": path.rpartition("/")[2]}
            sent = [operation | {"changes": {"category": category}}]
            bulk = await ada.post(f"{PATH}/bulk", json={"mode": "partial", "operations": sent})
            assert bulk.json()["results"][0]["status"] == status
    for place, status in (("nowhere", 422), ("food", 404)):
        gone = await ada.delete(f"/api/v1/categories/nothing?move_to={place}")
        assert gone.status_code == status


async def test_a_conflict_comes_before_a_stale_version(
    ada: httpx.AsyncClient, database: Database, target: str
) -> None:
    await made(ada, source="bank", external_id="1")
    taken, free = (json.dumps({"source": "bank", "external_id": name}) for name in "12")
    stale = JSON | {"If-Match": '"9"'}
    answer = await send(ada, "change", target, taken, stale)
    assert answer == (409, "external_id_taken")
    answer = await send(ada, "change", target, free, stale)
    assert answer == (412, "version_conflict")
    assert (await ada.get(target)).json()["external_id"] is None
    assert await logged(database) == 2


async def test_categories_absence_then_conflict_then_version(ada: httpx.AsyncClient) -> None:
    await made(ada, category="food")
    stale = {"If-Match": '"9"'}
    for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
        nowhere = f"{CATEGORIES}/nothing"
        for headers, status in ((stale, 404), ({"If-Match": "9"}, 422)):
            response = await ada.request(method, nowhere, json=body, headers=headers)
            assert response.status_code == status
    used = await ada.delete(f"{CATEGORIES}/food", headers=stale)
    assert (used.status_code, used.json()["code"]) == (409, "category_in_use")
    unused = await ada.delete(f"{CATEGORIES}/work", headers=stale)
    assert (unused.status_code, unused.json()["code"]) == (412, "version_conflict")
    moved = await ada.delete(f"{CATEGORIES}/food?move_to=work", headers=stale)
    assert (moved.status_code, moved.json()["code"]) == (412, "version_conflict")
