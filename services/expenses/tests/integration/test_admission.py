"""More than can be done: what would come too late is refused at once, whole; the rest is served."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import Message, Receive, Scope, Send

from expenses_service.admission import Admission
from expenses_service.database import Database
from expenses_service.direct import Direct
from expenses_service.errors import Unavailable
from expenses_service.expenses import group_commit
from expenses_service.expenses.group_commit import IN_FLIGHT, GroupCommit
from expenses_service.settings import Settings
from tests.conftest import client_of, running
from tests.expense_calls import ADA, DRAFT, PATH, logged, made
from tests.groups import USERS, Gate, ask
from tests.ledger import AGREED, differences
from tests.recorders import new
from tests.tokens import SigningKey, access_claims, user_id

SECONDS = 0.1
OTHERS = 3


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """One connection for single statements."""
    changes = {"database_pool_size": 2, "longest_wait_seconds": SECONDS}
    return settings.model_copy(update=changes)


@asynccontextmanager
async def crowded(app: FastAPI) -> AsyncIterator[Direct]:
    """Who came now would wait longer than may be, while the block runs."""
    direct: Direct = app.state.resources.direct
    sleepy = f"SELECT FROM pg_sleep({2 * SECONDS})"
    await asyncio.gather(direct.fetch(sleepy), direct.fetch(sleepy))
    long = [asyncio.create_task(_again_and_again(direct)) for _ in range(OTHERS)]
    await asyncio.sleep(0)
    assert direct.expected_wait() > SECONDS
    yield direct
    for task in long:
        task.cancel()
    await asyncio.gather(*long, return_exceptions=True)
    assert direct.expected_wait() == 0


async def _again_and_again(direct: Direct) -> None:
    while True:
        with suppress(Unavailable):
            await direct.fetch("SELECT FROM pg_sleep(3)")


async def test_it_is_refused_at_once_and_leaves_no_trace(
    app: FastAPI,
    bob: httpx.AsyncClient,
    anonymous: httpx.AsyncClient,
    database: Database,
) -> None:
    key = {"Idempotency-Key": "k"}
    await made(bob)
    async with crowded(app):
        refused = await bob.post(PATH, json=DRAFT, headers={"X-Request-ID": "refused", **key})
        nobody = await anonymous.get(f"{PATH}/a%20b")
        metrics = (await anonymous.get("/metrics")).text
    assert (refused.status_code, nobody.status_code) == (503, 503)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["cache-control"] == "no-store"
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["x-request-id"] == "refused"
    document = refused.json()
    assert (document["code"], document["instance"]) == ("unavailable", PATH)
    assert document["request_id"] == "refused"
    assert nobody.json()["instance"] == f"{PATH}/a%20b"
    assert "requests_refused_total 2.0" in metrics
    assert 'http_requests_total{method="POST",route="unmatched",status="503"} 1.0' in metrics
    assert await logged(database, user_id(2)) == 1
    again = await bob.post(PATH, json=DRAFT, headers=key)  # it has recovered
    assert (again.status_code, "idempotency-replayed" in again.headers) == (201, False)
    assert await differences(database) == AGREED


async def test_the_bound_is_the_longest_wait_itself(app: FastAPI) -> None:
    outcomes: list[object] = []

    async def serve(_: Scope, __: Receive, ___: Send) -> None:
        outcomes.append("served")

    async def receive() -> Message:
        raise LookupError("a refusal reads nothing")

    async def send(message: Message) -> None:
        outcomes.append(message.get("status"))

    scope: Scope = {"type": "http", "method": "GET", "path": PATH, "app": app}
    scope["state"] = {"request_id": "r"}
    async with crowded(app) as direct:
        expected = direct.expected_wait()
        for longest in (expected, expected * 0.999):
            await Admission(serve, longest, CollectorRegistry())(scope, receive, send)
    assert outcomes == ["served", 503, None]


async def test_creates_that_wait_for_a_statement_keep_out_creates(
    app: FastAPI, bob: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    monkeypatch.setattr(group_commit, "record_free", gate)
    recorder: GroupCommit = app.state.resources.recorder
    waiting = ask(recorder, *((user, new()) for user in USERS[: IN_FLIGHT + 1]))
    await asyncio.sleep(2 * SECONDS)
    refused = await bob.post(PATH, json=DRAFT)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert (await bob.get(PATH)).status_code == 200  # there are connections for it
    gate.open.set()
    await asyncio.gather(*waiting)
    assert (await bob.post(PATH, json=DRAFT)).status_code == 201


async def test_the_log_tells_of_a_refusal(
    settings: Settings, signing_key: SigningKey, capsys: pytest.CaptureFixture[str]
) -> None:
    token = signing_key.token(access_claims(ADA))
    async with running(settings) as app, client_of(app, token) as client, crowded(app):
        await client.get(PATH, headers={"X-Request-ID": "refused"})
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    (line,) = [one for one in lines if one.get("request_id") == "refused"]
    assert (line["status"], line["problem"]) == (503, "unavailable")


async def test_probes_and_the_gateway_are_never_refused(
    app: FastAPI, anonymous: httpx.AsyncClient
) -> None:
    async with crowded(app):
        for path, status in (
            ("/livez", 200),
            ("/readyz", 200),
            ("/metrics", 200),
            ("/internal/problems/502", 502),
            ("/api/v1/currencies", 503),
        ):
            assert (await anonymous.get(path)).status_code == status


async def test_reads_that_were_answered_before_are_served(
    app: FastAPI, bob: httpx.AsyncClient
) -> None:
    known = await bob.get(PATH)
    async with crowded(app):
        assert (await bob.get(PATH)).content == known.content
        assert (await bob.get(f"{PATH}?limit=7")).status_code == 503
