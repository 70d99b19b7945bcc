"""Who may import, how it must be asked for, and what a retry gets."""

import asyncio
from collections.abc import AsyncIterator
from gzip import compress

import httpx
import pytest
from fastapi import FastAPI

from expenses_service.database import Database
from expenses_service.idempotency import repository
from expenses_service.idempotency.models import KeyedRequest
from tests.conftest import client_of
from tests.expense_calls import ADA, PATH, logged, made
from tests.tokens import SigningKey, access_claims, user_id
from tests.transfers import CSV, IMPORT, NDJSON, documents, done, listed, sent, table

BODY = table("amount currency description", ["1.50", "EUR", "Lunch"])
KEY = {"Idempotency_Key": "once"}
LIMIT = 64 * 1024 * 1024


async def test_who_may_import(
    app: FastAPI, anonymous: httpx.AsyncClient, signing_key: SigningKey
) -> None:
    response = await anonymous.post(f"{IMPORT}?mode=x", content=b"{", headers={})
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    for scope, status in (("expenses:write", 200), ("expenses:read profile:write", 403)):
        token = signing_key.token(access_claims(user_id(1), scope=scope))
        async with client_of(app, token) as client:
            assert (await sent(client, BODY)).status_code == status


async def test_it_reaches_nobody_else(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    await made(ada, source="bank", external_id="7")
    before = await listed(ada)
    row = {"amount": "9", "currency": "EUR", "description": "his", "id": before[0]["id"]}
    for named in ({}, {"source": "bank", "external_id": "7"}):
        assert (await sent(bob, documents(row | named))).json() == done(created=1)
    assert await listed(ada) == before


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("text/csv", 200),
        ("Text/CSV; header=present; charset=UTF-8", 200),
        ('text/csv; charset="utf-8"', 200),
        ("text/csv; charset=iso-8859-1", 415),
        ("text/plain", 415),
        ("application/json", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
    ],
)
async def test_the_body_must_be_declared(ada: httpx.AsyncClient, kind: str, status: int) -> None:
    headers = {"Content-Type": kind} if kind else {}
    response = await ada.post(f"{IMPORT}?mode=partial", content=BODY.encode(), headers=headers)
    assert response.status_code == status
    if status == 415:
        assert response.json()["code"] == "unsupported_media_type"
        assert await listed(ada) == []


async def test_the_body_comes_as_it_is(ada: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "text/csv", "Content-Encoding": "gzip"}
    response = await ada.post(IMPORT, content=compress(BODY.encode()), headers=headers)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    assert "Content-Encoding" in response.json()["detail"]


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("mode=some", "literal_error", "mode"),
        ("mode=atomic&mode=partial", "duplicate_parameter", "mode"),
        ("dry_run=maybe", "bool_parsing", "dry_run"),
        ("create_categories=", "bool_parsing", "create_categories"),
        ("dryrun=true", "unknown_parameter", "dryrun"),
    ],
)
async def test_parameters_are_strict(
    ada: httpx.AsyncClient, query: str, code: str, parameter: str
) -> None:
    response = await sent(ada, BODY, query)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["code"], error["parameter"]) == (code, parameter)
    assert await listed(ada) == []


async def test_the_order_of_checks(ada: httpx.AsyncClient) -> None:
    wrong = {"Content-Type": "text/plain", "Idempotency-Key": " "}
    assert (await ada.post(f"{IMPORT}?x=1", content="x", headers=wrong)).status_code == 415
    declared = CSV | {"Content-Length": str(LIMIT + 1)}
    assert (await ada.post(f"{IMPORT}?x=1", content=b"", headers=declared)).status_code == 413


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_other_methods_are_not_allowed(ada: httpx.AsyncClient, method: str) -> None:
    response = await ada.request(method, IMPORT)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def chunks(size: int) -> AsyncIterator[bytes]:
    """A CSV of `size` bytes without a declared length, of which the most are empty lines."""
    yield BODY.encode()
    left = size - len(BODY)
    while left:
        part = min(left, 1024 * 1024)
        yield b"\n" * part
        left -= part


async def test_a_body_has_its_largest(ada: httpx.AsyncClient) -> None:
    response = await ada.post(IMPORT, content=chunks(LIMIT), headers=CSV)
    assert (response.status_code, response.json()) == (200, done(created=1))
    response = await ada.post(IMPORT, content=chunks(LIMIT + 1), headers=CSV)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert len(await listed(ada)) == 1


async def test_a_retry_gets_the_first_answer(ada: httpx.AsyncClient, database: Database) -> None:
    first = await sent(ada, BODY, "mode=partial", **KEY)
    assert first.json() == done(created=1)
    again = await sent(ada, BODY, "mode=partial", **KEY)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert await logged(database) == 1


async def test_a_key_stands_for_one_file_and_one_way(
    ada: httpx.AsyncClient, database: Database
) -> None:
    await sent(ada, BODY, "mode=partial", **KEY)
    ways = [
        await sent(ada, BODY.replace("1.50", "1.51"), "mode=partial", **KEY),
        await sent(ada, BODY, "", **KEY),
        await ada.post(
            f"{IMPORT}?mode=partial",
            content=BODY,
            headers=NDJSON | {"Idempotency-Key": "once"},
        ),
    ]
    for response in ways:
        assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert await logged(database) == 1


async def test_a_refusal_does_not_use_the_key_up(ada: httpx.AsyncClient) -> None:
    assert (await sent(ada, BODY.replace("1.50", "x"), **KEY)).status_code == 422
    assert (await sent(ada, BODY, **KEY)).json() == done(created=1)


async def test_while_the_first_runs_a_retry_is_told_so(
    ada: httpx.AsyncClient, database: Database
) -> None:
    running = KeyedRequest(ADA, "POST", IMPORT, "once", b"")
    async with database.transaction() as connection:
        assert await repository.try_lock(connection, running)
        response = await sent(ada, BODY, **KEY)
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_in_progress")
    assert response.headers["retry-after"]
    assert await listed(ada) == []


async def test_many_at_once_have_one_effect(ada: httpx.AsyncClient, database: Database) -> None:
    answers = await asyncio.gather(*(sent(ada, BODY, **KEY) for _ in range(6)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert {answer.text for answer in answers if answer.status_code == 200} == {
        answers[[answer.status_code for answer in answers].index(200)].text
    }
    assert await logged(database) == 1


@pytest.mark.parametrize("key", ["", "a b", "k" * 256])
async def test_a_bad_key_is_refused(ada: httpx.AsyncClient, key: str) -> None:
    response = await sent(ada, BODY, Idempotency_Key=key)
    assert response.status_code == 422
    assert response.json()["errors"][0]["header"] == "Idempotency-Key"
    assert await listed(ada) == []


async def test_a_path_below_it_is_none(ada: httpx.AsyncClient) -> None:
    assert (await ada.post(f"{PATH}/imports", headers=CSV)).status_code == 404
