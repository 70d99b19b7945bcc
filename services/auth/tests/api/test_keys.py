"""Two replicas and a rotation, as clients see them."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from auth_service.settings import Settings
from tests.actors import AUTH, client_of, sign_in, started
from tests.keys import DAY, kids, passes, rows

pytestmark = pytest.mark.usefixtures("no_keys")
JWKS = "/.well-known/jwks.json"
REFRESHABLE = 14 * DAY + 600


@pytest.fixture
async def twin(app: FastAPI, settings: Settings) -> AsyncIterator[FastAPI]:
    """Another replica of `app`."""
    assert app
    async with started(settings) as twin:
        yield twin


async def rotate(app: FastAPI, owner_url: str) -> None:
    await passes(owner_url, 15)
    await app.state.resources.keys.rotate()


def cookie(client: httpx.AsyncClient, name: str) -> str:
    return next(item.value or "" for item in client.cookies.jar if item.name == name)


async def published(client: httpx.AsyncClient) -> set[str]:
    answer = await client.get(JWKS)
    assert answer.status_code == 200
    return {key["kid"] for key in answer.json()["keys"]}


async def test_replicas_publish_what_one_of_them_did(
    app: FastAPI, twin: FastAPI, urls: dict[str, str]
) -> None:
    async with client_of(app) as one, client_of(twin) as other:
        before = await one.get(JWKS)
        await rotate(app, urls["owner"])
        await asyncio.sleep(1)
        after = await other.get(JWKS, headers={"If-None-Match": before.headers["etag"]})
        assert after.status_code == 200
        assert after.content == (await one.get(JWKS)).content
        assert await published(other) == {row["kid"] for row in await rows(urls["owner"])}


async def test_a_token_of_a_key_that_a_replica_has_not_seen(
    app: FastAPI, twin: FastAPI, urls: dict[str, str]
) -> None:
    for _ in range(2):
        await rotate(app, urls["owner"])
    await asyncio.sleep(1)
    async with client_of(app) as one:
        await sign_in(one, "ada@example.com")
        for kind, call in (("access", ("GET", "me")), ("refresh", ("POST", "refresh"))):
            name = f"ea_{kind}"
            async with client_of(twin, Cookie=f"{name}={cookie(one, name)}") as other:
                answer = await other.request(call[0], f"{AUTH}/{call[1]}")
                assert answer.status_code == 200, answer.text


async def test_a_session_outlives_the_key_that_began_it(
    app: FastAPI, ada: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    access, refresh = cookie(ada, "ea_access"), cookie(ada, "ea_refresh")
    await rotate(app, urls["owner"])
    assert (await ada.get(f"{AUTH}/me")).status_code == 200

    await passes(urls["owner"], 600)
    await app.state.resources.keys.load()
    answer = await ada.get(f"{AUTH}/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    async with client_of(app, Cookie=f"ea_refresh={refresh}") as again:
        assert (await again.post(f"{AUTH}/refresh")).status_code == 200
    assert access != cookie(again, "ea_access")

    await passes(urls["owner"], REFRESHABLE - 600)
    await app.state.resources.keys.load()
    await app.state.resources.keys.load()
    async with client_of(app, Cookie=f"ea_refresh={refresh}") as again:
        answer = await again.post(f"{AUTH}/refresh")
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert (await kids(urls["owner"]))["retired"] == []


async def test_the_metrics_tell_ages_and_states(
    app: FastAPI, anonymous: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    await rotate(app, urls["owner"])
    await passes(urls["owner"], 3600)
    await app.state.resources.keys.load()
    lines = (await anonymous.get("/metrics")).text.splitlines()
    found = {
        name: float(value)
        for name, _, value in (line.partition(" ") for line in lines)
        if name.startswith("auth_signing_key")
    }
    states = {
        state: found[f'auth_signing_keys{{state="{state}"}}'] for state in ("next", "current")
    }
    assert states == {"next": 1, "current": 1}
    assert found['auth_signing_keys{state="retired"}'] == 1
    assert 3600 <= found["auth_signing_key_age_seconds"] < 3660
    assert 30 * DAY - 3660 < found["auth_signing_key_rotation_seconds"] <= 30 * DAY - 3600
