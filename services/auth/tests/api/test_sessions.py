"""Cookies, refresh and sign-out as browsers see them; and what holds when a server does not."""

import asyncio
import signal
import time
from collections.abc import Iterator
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from auth_service.sessions import rules
from auth_service.settings import Settings
from tests.actors import AUTH, PASSWORD, client_of, register, sign_in, started
from tests.valkey import Valkey
from tests.waiting import in_time


def cookie(client: httpx.AsyncClient, name: str) -> str:
    return {item.name: item.value or "" for item in client.cookies.jar}[name]


def set_names(answer: httpx.Response) -> set[str]:
    return {line.partition("=")[0] for line in answer.headers.get_list("set-cookie")}


def cleared(answer: httpx.Response) -> bool:
    lines = answer.headers.get_list("set-cookie")
    return set_names(answer) == {"ea_access", "ea_refresh"} and all("Max-Age=0" in x for x in lines)


async def refresh(app: FastAPI, token: str, **headers: str) -> httpx.Response:
    async with client_of(app, Cookie=f"ea_refresh={token}", **headers) as client:
        return await client.post(f"{AUTH}/refresh")


async def me(app: FastAPI, token: str) -> httpx.Response:
    async with client_of(app, Authorization=f"Bearer {token}") as client:
        return await client.get(f"{AUTH}/me")


async def events(urls: dict[str, str]) -> list[str]:
    connection = await asyncpg.connect(urls["owner"])
    rows = await connection.fetch("SELECT type FROM security_events ORDER BY id")
    await connection.close()
    return [row["type"] for row in rows]


async def test_over_https_the_cookies_have_their_prefixes(settings: Settings) -> None:
    secure = settings.model_copy(update={"public_origin": "https://money.example"})
    async with started(secure) as app, client_of(app) as client:
        await register(client, "ada@example.com")
        form = {"email": "ada@example.com", "password": PASSWORD}
        answer = await client.post(f"{AUTH}/login", json=form)
        assert set_names(answer) == {"__Host-ea_access", "__Secure-ea_refresh", "__Host-ea_device"}
        assert all("Secure" in line for line in answer.headers.get_list("set-cookie"))
        tokens = dict(
            line.partition(";")[0].split("=", 1) for line in answer.headers.get_list("set-cookie")
        )
        plain = {"Cookie": f"ea_access={tokens['__Host-ea_access']}"}
        assert (await client.get(f"{AUTH}/me", headers=plain)).status_code == 401
        right = {"Cookie": f"__Host-ea_access={tokens['__Host-ea_access']}"}
        assert (await client.get(f"{AUTH}/me", headers=right)).status_code == 200


async def test_an_old_token_ends_the_session_for_good(app: FastAPI, urls: dict[str, str]) -> None:
    later_ms = 0
    sessions = app.state.resources.sessions
    sessions._now_ms = lambda: time.time_ns() // 10**6 + later_ms  # noqa: SLF001 - half a minute
    async with client_of(app) as client:
        await sign_in(client, "ada@example.com")
        first, access = cookie(client, "ea_refresh"), cookie(client, "ea_access")
        assert set_names(await refresh(app, first)) == {"ea_access"}
        later_ms += 31_000  # one has its turn after thirty seconds
        rotated = await refresh(app, first)
        assert set_names(rotated) == {"ea_access", "ea_refresh"}
        second = rotated.cookies["ea_refresh"]
        again = await refresh(app, first)
        assert again.cookies["ea_refresh"] == second
        later_ms += 31_000  # one has its turn after thirty seconds
        stolen = await refresh(app, first)
        assert (stolen.status_code, stolen.json()["code"]) == (401, "session_revoked")
        assert cleared(stolen)
        assert (await refresh(app, second)).json()["code"] == "session_revoked"
        assert (await me(app, access)).json()["code"] == "session_revoked"
    assert await events(urls) == ["registered", "signed_in", "token_reuse"]


async def test_a_token_from_the_future_of_a_redis_that_lost_a_second_goes_on(app: FastAPI) -> None:
    async with client_of(app) as client:
        body = await sign_in(client, "ada@example.com")
        session_id = UUID(body["session"]["id"])  # type: ignore[index]  # the body of a login
        resources = app.state.resources
        session = await resources.sessions.find(session_id)
        claims = rules.refresh_claims("expense-auth", session, 2, session.rotated_ms)
        token = await resources.keys.sign(rules.REFRESH_TYPE, claims)
        answer = await refresh(app, token)
        assert answer.status_code == 200
        assert set_names(answer) == {"ea_access"}
        assert (await resources.sessions.find(session_id)).generation == 2
        forged = await resources.keys.sign(rules.REFRESH_TYPE, claims | {"jti": "x" * 22})
        refused = await refresh(app, forged)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")
        assert "set-cookie" not in refused.headers


async def test_an_expired_refresh_token_clears_the_cookies(app: FastAPI) -> None:
    async with client_of(app) as client:
        body = await sign_in(client, "ada@example.com")
        resources = app.state.resources
        session = await resources.sessions.find(UUID(body["session"]["id"]))  # type: ignore[index]  # as above
        claims = rules.refresh_claims("expense-auth", session, 1, session.rotated_ms)
        past = {"iat": int(time.time()) - 100, "exp": int(time.time()) - 31}
        token = await resources.keys.sign(rules.REFRESH_TYPE, claims | past)
        answer = await refresh(app, token)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")
        assert cleared(answer)
        async with client_of(app, Cookie=f"ea_refresh={token}") as other:
            assert (await other.post(f"{AUTH}/logout")).status_code == 204
        assert (await me(app, cookie(client, "ea_access"))).json()["code"] == "session_revoked"


async def test_a_query_is_judged_after_the_session_and_before_the_rotation(
    app: FastAPI, ada: httpx.AsyncClient, redis_url: str
) -> None:
    token = cookie(ada, "ea_refresh")
    async with Redis.from_url(redis_url) as redis:
        (session,) = [key async for key in redis.scan_iter("session:*")]
        await redis.hincrby(session, "rotated_ms", -30_000)
        before = await redis.hgetall(session)
        refused = await ada.post(f"{AUTH}/refresh?x=1")
        assert (refused.status_code, refused.json()["code"]) == (422, "validation_error")
        assert await redis.hgetall(session) == before
    await ada.post(f"{AUTH}/logout-all")
    async with client_of(app, Cookie=f"ea_refresh={token}") as client:
        ended = await client.post(f"{AUTH}/refresh?x=1")
    assert (ended.status_code, ended.json()["code"]) == (401, "session_revoked")
    assert cleared(ended)


async def test_another_sites_page_changes_no_cookie(ada: httpx.AsyncClient) -> None:
    for path in ("refresh", "logout", "login"):
        answer = await ada.post(f"{AUTH}/{path}", headers={"Sec-Fetch-Site": "cross-site"}, json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
        assert "set-cookie" not in answer.headers


async def test_the_fifty_first_session_ends_the_first(
    app: FastAPI, ada: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    first = cookie(ada, "ea_access")
    form = {"email": "ada@example.com", "password": PASSWORD}
    for _ in range(rules.MAX_SESSIONS - 1):
        assert (await ada.post(f"{AUTH}/login", json=form)).status_code == 200
    assert (await me(app, first)).status_code == 200
    assert (await ada.post(f"{AUTH}/login", json=form)).status_code == 200
    assert (await me(app, first)).json()["code"] == "session_revoked"
    assert (await events(urls)).count("session_ended") == 1


async def test_a_disabled_account_is_nobodys(
    app: FastAPI, ada: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    connection = await asyncpg.connect(urls["owner"])
    await connection.execute("UPDATE users SET disabled_at = now()")
    await connection.close()
    assert (await me(app, cookie(ada, "ea_access"))).json()["code"] == "session_revoked"
    assert (await refresh(app, cookie(ada, "ea_refresh"))).json()["code"] == "session_revoked"
    form = {"email": "ada@example.com", "password": PASSWORD}
    answer = await ada.post(f"{AUTH}/login", json=form)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


async def test_a_higher_version_of_the_user_ends_older_tokens(
    app: FastAPI, ada: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    connection = await asyncpg.connect(urls["owner"])
    await connection.execute("UPDATE users SET ver = ver + 1")
    await connection.close()
    assert (await me(app, cookie(ada, "ea_access"))).json()["code"] == "session_revoked"


async def test_a_stronger_hash_is_made_at_the_next_sign_in(
    settings: Settings, urls: dict[str, str]
) -> None:
    async with started(settings) as app, client_of(app) as client:
        await sign_in(client, "ada@example.com")
    stronger = settings.model_copy(update={"argon2_memory_kib": 16})
    async with started(stronger) as app, client_of(app) as client:
        form = {"email": "ada@example.com", "password": PASSWORD}
        assert (await client.post(f"{AUTH}/login", json=form)).status_code == 200
        assert (await client.post(f"{AUTH}/login", json=form)).status_code == 200
    connection = await asyncpg.connect(urls["owner"])
    encoded = await connection.fetchval("SELECT password_hash FROM users")
    await connection.close()
    assert "$m=16,t=1,p=1$" in encoded


@pytest.fixture
def own_redis() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


async def test_without_redis_signing_in_waits_and_signing_out_works(
    settings: Settings, own_redis: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    alone = settings.model_copy(update={"redis_url": own_redis.url})
    form = {"email": "ada@example.com", "password": PASSWORD}
    async with started(alone) as app, client_of(app) as client:
        await sign_in(client, "ada@example.com")
        access, token = cookie(client, "ea_access"), cookie(client, "ea_refresh")

        async def refused() -> float:
            longest = 0.0
            for path, body in (("login", form), ("refresh", None)):
                began = time.monotonic()
                async with client_of(app, Cookie=f"ea_refresh={token}") as other:
                    answer = await other.post(f"{AUTH}/{path}", json=body)
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
                assert "set-cookie" not in answer.headers
                longest = max(longest, time.monotonic() - began)
            return longest

        async def hangs() -> float:
            own_redis.signal(signal.SIGSTOP)
            try:
                return await refused()
            finally:
                own_redis.signal(signal.SIGCONT)
                assert (await refresh(app, token)).status_code == 200

        await in_time(hangs, 5)
        own_redis.kill()
        await in_time(refused, 5)
        assert (await me(app, access)).status_code == 200
        assert (await client.post(f"{AUTH}/logout")).status_code == 204
        assert (await me(app, access)).json()["code"] == "session_revoked"
        own_redis.start()
        lost = await refresh(app, token)
        assert (lost.status_code, lost.json()["code"]) == (401, "session_revoked")
        await client.post(f"{AUTH}/login", json=form)
        own_redis.kill()
        own_redis.start()
        forgotten = await client.post(f"{AUTH}/refresh")
        assert (forgotten.status_code, forgotten.json()["code"]) == (401, "token_expired")
        assert cleared(forgotten)


async def test_logging_out_beats_refreshing_in_every_race(app: FastAPI) -> None:
    async with client_of(app) as client:
        await sign_in(client, "ada@example.com")
        form = {"email": "ada@example.com", "password": PASSWORD}
        for _ in range(100):
            await client.post(f"{AUTH}/login", json=form)
            token = cookie(client, "ea_refresh")

            async def log_out(token: str) -> int:
                async with client_of(app, Cookie=f"ea_refresh={token}") as other:
                    return (await other.post(f"{AUTH}/logout")).status_code

            _, status = await asyncio.gather(refresh(app, token), log_out(token))
            assert status == 204
            dead = await refresh(app, token)
            assert (dead.status_code, dead.json()["code"]) == (401, "session_revoked")
