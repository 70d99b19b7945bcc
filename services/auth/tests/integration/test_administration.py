"""What an operator can do to an account."""

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from auth_service.accounts import administration
from auth_service.errors import NotFound
from auth_service.resources import Resources
from tests.actors import AUTH, PASSWORD, client_of

ADA = "ada@example.com"
NEW = "a walk in the park, 1987"


async def login(client: httpx.AsyncClient, password: str = PASSWORD) -> httpx.Response:
    return await client.post(f"{AUTH}/login", json={"email": ADA, "password": password})


@pytest.fixture
def resources(app: FastAPI) -> Resources:
    resources = app.state.resources
    assert isinstance(resources, Resources)
    return resources


async def test_a_disabled_account_is_dead_until_it_is_enabled(
    app: FastAPI, resources: Resources, ada: httpx.AsyncClient
) -> None:
    wrong = await login(ada, "not the right one")
    user = await administration.disable(resources, "ADA@example.com")
    assert user.email == ADA
    assert (await ada.get(f"{AUTH}/me")).json()["code"] == "session_revoked"
    listed = await ada.get("/internal/v1/revocations")
    assert listed.status_code == 200
    refused = await login(ada)
    assert refused.status_code == wrong.status_code == 401
    assert refused.json()["code"] == wrong.json()["code"] == "invalid_credentials"
    await administration.disable(resources, ADA)
    await administration.enable(resources, ADA)
    assert (await ada.post(f"{AUTH}/refresh")).json()["code"] == "session_revoked"
    async with client_of(app) as other:
        assert (await login(other)).status_code == 200


async def test_a_one_time_password_signs_in_once_and_can_be_replaced(
    app: FastAPI, resources: Resources, ada: httpx.AsyncClient
) -> None:
    _, password = await administration.reset(resources, ADA)
    assert len(password) >= 24
    assert (await ada.get(f"{AUTH}/me")).json()["code"] == "session_revoked"
    async with client_of(app) as owner, client_of(app) as thief:
        assert (await login(owner)).json()["code"] == "invalid_credentials"
        assert (await login(owner, password)).status_code == 200
        assert (await login(thief, password)).json()["code"] == "invalid_credentials"
        change = {"current_password": password, "new_password": NEW}
        assert (await owner.post(f"{AUTH}/password", json=change)).status_code == 204
        assert (await login(thief, password)).json()["code"] == "invalid_credentials"
        assert (await login(owner, NEW)).status_code == 200
        assert (await login(owner, NEW)).status_code == 200


async def test_a_one_time_password_runs_out(
    app: FastAPI, resources: Resources, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(administration, "ONE_TIME_HOURS", 0)
    _, password = await administration.reset(resources, ADA)
    async with client_of(app) as owner:
        assert (await login(owner, password)).json()["code"] == "invalid_credentials"
    assert (await ada.post(f"{AUTH}/refresh")).json()["code"] == "session_revoked"


@pytest.mark.parametrize("email", ["nobody@example.com", "no address", ""])
async def test_nobody_is_told_in_a_sentence(resources: Resources, email: str) -> None:
    for act in (administration.disable, administration.enable, administration.reset):
        with pytest.raises(NotFound, match="Nobody has the address"):
            await act(resources, email)


async def test_disabling_needs_no_redis(
    resources: Resources, ada: httpx.AsyncClient, redis_url: str
) -> None:
    async with Redis.from_url(redis_url) as redis:
        await redis.config_set("maxmemory", "1")
        try:
            await administration.disable(resources, ADA)
        finally:
            await redis.config_set("maxmemory", "0")
    assert (await ada.post(f"{AUTH}/refresh")).json()["code"] == "session_revoked"
