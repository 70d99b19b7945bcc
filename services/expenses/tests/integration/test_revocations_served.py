"""The service with the revocation list: who is refused, and what its metrics tell."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI

from expenses_service.settings import Settings
from tests.conftest import client_of, running
from tests.jwks_server import JwksServer
from tests.revocation_reading import LISTED, SESSION
from tests.tokens import (
    SigningKey,
    access_claims,
    revocation_list,
    user_id,
)
from tests.waiting import until


@asynccontextmanager
async def serving(settings: Settings, url: str | None) -> AsyncIterator[FastAPI]:
    """The whole service, reading the list at `url`."""
    own = settings.model_copy(update={"revocations_url": url, "revocations_poll_seconds": 0.01})
    async with running(own) as app:
        yield app


async def test_a_revoked_token_is_refused_by_the_service(
    settings: Settings, signing_key: SigningKey
) -> None:
    token = signing_key.token(access_claims(sid=str(SESSION)))
    with JwksServer(revocation_list(signing_key)) as server:
        async with serving(settings, server.url) as app, client_of(app, token) as client:
            assert (await client.get("/api/v1/expenses")).status_code == 200
            server.body = revocation_list(signing_key, **LISTED)
            held = app.state.resources.revocations
            await until(lambda: held.list is not None and bool(held.list.sessions))
            answer = await client.get("/api/v1/expenses")
            assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")
            assert answer.headers["www-authenticate"] == "Bearer"
            fresh = client_of(app, signing_key.token(access_claims()))
            async with fresh:
                assert (await fresh.get("/api/v1/expenses")).status_code == 200


def figure(metrics: str, name: str) -> float:
    """The value of a metric without labels."""
    return next(float(line.split(" ")[1]) for line in metrics.splitlines() if line.startswith(name))


async def test_metrics_tell_age_size_and_how_polls_ended(
    settings: Settings, signing_key: SigningKey
) -> None:
    document = revocation_list(signing_key, min_ver={str(user_id()): 2}, **LISTED)
    with JwksServer(document) as server:
        server.headers["ETag"] = '"one"'
        async with serving(settings, server.url) as app, client_of(app) as client:
            await until(lambda: app.state.resources.revocations.polls["same"] >= 1)
            server.body = b"no list"
            server.headers["ETag"] = '"two"'
            await until(lambda: app.state.resources.revocations.polls["malformed"] >= 20)
            metrics = (await client.get("/metrics")).text
    assert "revocation_list_held 1.0" in metrics
    assert "revocation_list_entries 2.0" in metrics
    assert 0.19 < figure(metrics, "revocation_list_age_seconds") < 5
    assert 'revocation_list_polls_total{outcome="new"} 1.0' in metrics
    for outcome in ("same", "malformed"):
        assert f'revocation_list_polls_total{{outcome="{outcome}"}} 0.0' not in metrics


@pytest.mark.parametrize("polled", [True, False])
async def test_serves_without_a_list_and_says_so(
    settings: Settings,
    signing_key: SigningKey,
    polled: bool,  # noqa: FBT001 - a table
) -> None:
    token = signing_key.token(access_claims())
    with JwksServer(b"", status=503) as server:
        url = server.url if polled else None
        async with serving(settings, url) as app, client_of(app, token) as client:
            assert (await client.get("/api/v1/expenses")).status_code == 200
            assert (await client.get("/readyz")).status_code == 200
            held = app.state.resources.revocations
            await until(lambda: not polled or held.polls["status"] >= 1)
            metrics = (await client.get("/metrics")).text
    assert "revocation_list_held 0.0" in metrics
    assert "revocation_list_entries 0.0" in metrics
    assert 'revocation_list_polls_total{outcome="new"} 0.0' in metrics
    assert ('revocation_list_polls_total{outcome="status"} 0.0' in metrics) is not polled
    assert 0 < figure(metrics, "revocation_list_age_seconds") < 60
    assert bool(server.paths) is polled
