"""From registration to signing out, as a browser does it."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from tests.actors import AUTH, PASSWORD, client_of, register


def cookie(client: httpx.AsyncClient, name: str) -> str:
    value = {item.name: item.value for item in client.cookies.jar}[name]
    assert value
    return value


async def test_register_sign_in_read_change_sign_out(anonymous: httpx.AsyncClient) -> None:
    made = await register(anonymous, "Ada@Example.com", time_zone="Europe/Vienna")
    assert made.status_code == 201
    assert made.headers["location"] == f"{AUTH}/me"
    assert made.json()["email"] == "Ada@Example.com"
    assert set(made.json()) == {"id", "email", "name", "time_zone", "created_at", "version"}
    assert (await anonymous.get(f"{AUTH}/me")).json()["code"] == "not_authenticated"

    again = await register(anonymous, "ada@example.com")
    assert (again.status_code, again.json()["code"]) == (409, "email_taken")

    answer = await anonymous.post(
        f"{AUTH}/login", json={"email": "ADA@example.com", "password": PASSWORD}
    )
    assert answer.status_code == 200
    assert set(answer.json()) == {"user", "session", "access_expires_at"}
    me = await anonymous.get(f"{AUTH}/me")
    assert me.json() == made.json()
    assert me.headers["etag"] == made.headers["etag"]
    assert me.headers["cache-control"] == "private, no-cache"
    same = await anonymous.get(f"{AUTH}/me", headers={"If-None-Match": me.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")

    changed = await anonymous.patch(f"{AUTH}/me", json={"name": "Ada"})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    unchanged = await anonymous.patch(f"{AUTH}/me", json={"name": "Ada"})
    assert unchanged.json()["version"] == 2
    stale = await anonymous.patch(
        f"{AUTH}/me", json={"name": None}, headers={"If-Match": me.headers["etag"]}
    )
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")

    access = cookie(anonymous, "ea_access")
    out = await anonymous.post(f"{AUTH}/logout")
    assert out.status_code == 204
    assert not [item for item in anonymous.cookies.jar if item.name != "ea_device"]
    dead = await anonymous.get(f"{AUTH}/me", headers={"Authorization": f"Bearer {access}"})
    assert (dead.status_code, dead.json()["code"]) == (401, "session_revoked")
    assert (await anonymous.post(f"{AUTH}/logout")).status_code == 204


async def test_fifty_parallel_refreshes_end_in_one_rotation(
    app: FastAPI, ada: httpx.AsyncClient, redis_url: str
) -> None:
    old = cookie(ada, "ea_refresh")
    async with Redis.from_url(redis_url) as redis:  # the login was half a minute ago
        (session,) = [key async for key in redis.scan_iter("session:*")]
        await redis.hincrby(session, "rotated_ms", -30_000)
    answers = await asyncio.gather(*(refresh(app, old) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({value for a in answers if (value := a.cookies.get("ea_refresh"))}) == 1


async def refresh(app: FastAPI, token: str) -> httpx.Response:
    async with client_of(app, Cookie=f"ea_refresh={token}") as client:
        return await client.post(f"{AUTH}/refresh")


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com", "no address"])
async def test_a_wrong_password_and_an_unknown_address_look_the_same(
    ada: httpx.AsyncClient, app: FastAPI, email: str
) -> None:
    assert ada.cookies
    async with client_of(app) as client:
        form = {"email": email, "password": "wrong horse battery"}
        answer = await client.post(f"{AUTH}/login", json=form, headers={"X-Request-ID": "r"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "invalid_credentials"
    assert "set-cookie" not in answer.headers
