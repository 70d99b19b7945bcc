"""Signing out ends what it names, clears cookies, and is nobody else's to ask for."""

import time
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from auth_service.keys.deadlines import LINGER, PUBLISH
from auth_service.sessions import rules
from tests import keys as stored
from tests.actors import AUTH, PASSWORD, client_of, sign_in

FOREIGN = {"Sec-Fetch-Site": "cross-site"}


def cookies_of(client: httpx.AsyncClient) -> dict[str, str]:
    return {item.name: item.value or "" for item in client.cookies.jar}


def clears(answer: httpx.Response) -> bool:
    lines = [line.lower() for line in answer.headers.get_list("set-cookie")]
    return sorted(line.partition("=")[0] for line in lines) == ["ea_access", "ea_refresh"] and all(
        "max-age=0" in line and "httponly" in line and "samesite=strict" in line for line in lines
    )


async def me(app: FastAPI, token: str) -> str | None:
    async with client_of(app, Authorization=f"Bearer {token}") as client:
        answer = await client.get(f"{AUTH}/me")
    return None if answer.status_code == 200 else str(answer.json()["code"])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Cookie": "ea_access=x; ea_refresh=y"},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic eDp5"},
    ],
)
async def test_who_is_not_signed_in_is_signed_out(app: FastAPI, headers: dict[str, str]) -> None:
    async with client_of(app, **headers) as client:
        answer = await client.post(f"{AUTH}/logout")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert clears(answer)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Cookie": "ea_refresh=a; ea_refresh=b"}, 400, "duplicate_cookie"),
        ({"Cookie": "ea_access=a; ea_access=b"}, 400, "duplicate_cookie"),
        ({"Cookie": "ea_access=a", "Authorization": "Bearer b"}, 400, "ambiguous_credentials"),
        ({}, 403, "cross_site_request"),
        ({"Cookie": "ea_access=a"}, 403, "cross_site_request"),
        ({"Cookie": "ea_refresh=a", "Authorization": "Bearer b"}, 403, "cross_site_request"),
    ],
)
async def test_a_refusal_keeps_the_cookies(
    app: FastAPI, headers: dict[str, str], status: int, code: str
) -> None:
    async with client_of(app, **headers, **FOREIGN) as client:
        answer = await client.post(f"{AUTH}/logout")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "set-cookie" not in answer.headers


async def test_a_bearer_token_alone_is_no_browsers_doing(
    app: FastAPI, ada: httpx.AsyncClient
) -> None:
    token = cookies_of(ada)["ea_access"]
    async with client_of(app, Authorization=f"Bearer {token}", **FOREIGN) as client:
        assert (await client.post(f"{AUTH}/logout")).status_code == 204
    assert await me(app, token) == "session_revoked"
    assert (await ada.post(f"{AUTH}/refresh")).json()["code"] == "session_revoked"


@pytest.mark.parametrize("name", ["ea_access", "ea_refresh"])
async def test_either_token_is_enough(app: FastAPI, ada: httpx.AsyncClient, name: str) -> None:
    tokens = cookies_of(ada)
    async with client_of(app, Cookie=f"{name}={tokens[name]}") as client:
        assert clears(await client.post(f"{AUTH}/logout"))
    assert await me(app, tokens["ea_access"]) == "session_revoked"
    assert (await ada.post(f"{AUTH}/refresh")).status_code == 401


async def test_tokens_of_two_sessions_end_both(
    app: FastAPI, ada: httpx.AsyncClient, bob: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    hers, his = cookies_of(ada), cookies_of(bob)
    cookie = f"ea_access={hers['ea_access']}; ea_refresh={his['ea_refresh']}"
    async with client_of(app, Cookie=cookie) as client:
        assert (await client.post(f"{AUTH}/logout")).status_code == 204
    for tokens in (hers, his):
        assert await me(app, tokens["ea_access"]) == "session_revoked"
    connection = await asyncpg.connect(urls["owner"])
    rows = await connection.fetch(
        "SELECT DISTINCT user_id FROM security_events WHERE type = 'signed_out'"
    )
    await connection.close()
    assert len(rows) == 2


async def test_an_expired_access_token_signs_out_too(app: FastAPI, ada: httpx.AsyncClient) -> None:
    keys = app.state.resources.keys
    tokens = cookies_of(ada)
    claims = await keys.verify(tokens["ea_access"], rules.ACCESS_TYPE)
    now = int(time.time())
    old = await keys.sign(rules.ACCESS_TYPE, claims | {"iat": now - 999, "exp": now - 700})
    assert await me(app, old) == "token_expired"
    async with client_of(app, Cookie=f"ea_access={old}") as client:
        assert (await client.post(f"{AUTH}/logout")).status_code == 204
    assert await me(app, tokens["ea_access"]) == "session_revoked"


async def test_only_this_session_ends_and_once(app: FastAPI, urls: dict[str, str]) -> None:
    async with client_of(app) as laptop, client_of(app) as phone:
        body = await sign_in(laptop, "ada@example.com")
        form = {"email": "ada@example.com", "password": PASSWORD}
        assert (await phone.post(f"{AUTH}/login", json=form)).status_code == 200
        token = cookies_of(laptop)["ea_refresh"]
        for _ in range(2):
            async with client_of(app, Cookie=f"ea_refresh={token}") as client:
                assert (await client.post(f"{AUTH}/logout")).status_code == 204
        assert (await phone.get(f"{AUTH}/me")).status_code == 200
        assert (await phone.post(f"{AUTH}/refresh")).status_code == 200
    connection = await asyncpg.connect(urls["owner"])
    rows = await connection.fetch(
        "SELECT session_id FROM security_events WHERE type = 'signed_out'"
    )
    await connection.close()
    assert [row["session_id"] for row in rows] == [UUID(body["session"]["id"])]  # type: ignore[index]  # the body of a login


@pytest.mark.usefixtures("no_keys")
async def test_an_access_token_of_a_key_that_has_left_the_set_signs_out_too(
    app: FastAPI, ada: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    keys, tokens = app.state.resources.keys, cookies_of(ada)
    await stored.passes(urls["owner"], PUBLISH.total_seconds())
    await keys.load()
    await keys.rotate()
    await stored.passes(urls["owner"], LINGER.total_seconds())
    await keys.load()
    assert await me(app, tokens["ea_access"]) == "invalid_token"
    async with client_of(app, Cookie=f"ea_access={tokens['ea_access']}") as client:
        assert clears(await client.post(f"{AUTH}/logout"))
    assert (await ada.post(f"{AUTH}/refresh")).json()["code"] == "session_revoked"
