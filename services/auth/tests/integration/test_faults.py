"""Postgres gone, hung and come back under the whole service; replicas; sessions that ran out."""

import asyncio
import signal
import time
from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from auth_service.app import create_app
from auth_service.errors import Unavailable
from auth_service.ids import uuid7
from auth_service.settings import Settings
from tests import postgres as servers
from tests.actors import AUTH, PASSWORD, client_of, sign_in, started
from tests.valkey import Valkey, free_port
from tests.waiting import in_time

FORM = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[servers.Postgres]:
    server = servers.Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def own_urls(own_postgres: servers.Postgres) -> dict[str, str]:
    return servers.make_database(own_postgres.url)


@pytest.fixture
def alone(settings: Settings, own_urls: dict[str, str]) -> Settings:
    return settings.model_copy(update={"database_url": servers.without_password(own_urls["app"])})


async def refused(client: httpx.AsyncClient, method: str, path: str, body: object) -> float:
    """503, with every cookie kept, after so many seconds."""
    began = time.monotonic()
    answer = await client.request(method, f"{AUTH}/{path}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), path
    assert answer.headers["retry-after"]
    assert "set-cookie" not in answer.headers
    return time.monotonic() - began


async def all_refused(client: httpx.AsyncClient) -> float:
    calls = [
        ("POST", "register", FORM | {"email": "bob@example.com"}),
        ("POST", "login", FORM),
        ("POST", "refresh", None),
        ("POST", "logout", None),
        ("GET", "me", None),
        ("PATCH", "me", {"name": "x"}),
        ("DELETE", "me", {"current_password": PASSWORD}),
        ("POST", "password", {"current_password": PASSWORD, "new_password": PASSWORD + "!"}),
        ("POST", "logout-all", None),
        ("GET", "sessions", None),
        ("DELETE", f"sessions/{uuid7()}", None),
    ]
    return max(await asyncio.gather(*(refused(client, *call) for call in calls)))


async def test_without_postgres_nothing_is_lost(
    alone: Settings, own_postgres: servers.Postgres
) -> None:
    async with started(alone) as app, client_of(app) as client:
        await sign_in(client, FORM["email"])
        keys = await client.get("/.well-known/jwks.json")

        async def hangs() -> float:
            own_postgres.signal(signal.SIGSTOP)
            try:
                return await all_refused(client)
            finally:
                own_postgres.signal(signal.SIGCONT)
                assert (await client.post(f"{AUTH}/refresh")).status_code == 200

        await in_time(hangs, 5)
        own_postgres.stop()
        try:
            await in_time(partial(all_refused, client), 5)
            assert (await client.get("/readyz")).json()["failing"] == ["database"]
            assert (await client.get("/livez")).status_code == 200
            assert (await client.get("/.well-known/jwks.json")).content == keys.content
        finally:
            own_postgres.start()
        assert (await client.post(f"{AUTH}/refresh")).status_code == 200
        assert (await client.post(f"{AUTH}/logout")).status_code == 204
        assert (await client.get("/readyz")).status_code == 200


async def test_with_both_hung_the_answer_comes_in_time_too(
    alone: Settings, own_postgres: servers.Postgres
) -> None:
    """A server that answers just before its time-out, then one that does not: less than the sum."""
    with Valkey() as server:
        own = alone.model_copy(update={"redis_url": server.url})
        async with started(own) as app, client_of(app) as client:
            form = FORM | {"email": "slow@example.com"}
            await sign_in(client, form["email"])

            async def hang() -> float:
                loop = asyncio.get_running_loop()
                server.signal(signal.SIGSTOP)
                late = loop.call_later(1.3, server.signal, signal.SIGCONT)
                stop = loop.call_later(0.4, own_postgres.signal, signal.SIGSTOP)
                try:
                    first = await refused(client, "POST", "login", form)
                    return max(first, await refused(client, "POST", "refresh", None))
                finally:
                    late.cancel()
                    stop.cancel()
                    own_postgres.signal(signal.SIGCONT)
                    server.signal(signal.SIGCONT)
                    assert (await client.post(f"{AUTH}/refresh")).status_code == 200

            await in_time(hang, 5)


async def test_started_before_its_tables_it_heals_alone(
    alone: Settings, own_urls: dict[str, str]
) -> None:
    servers.migrate(own_urls["owner"], "downgrade", "base")

    async def migrated_late() -> None:
        await asyncio.sleep(0.3)
        await asyncio.to_thread(servers.migrate, own_urls["owner"], "upgrade", "head")

    late = asyncio.create_task(migrated_late())
    async with started(alone) as app, client_of(app) as client:
        await late
        await sign_in(client, FORM["email"])


async def test_another_secret_makes_it_unready_with_a_plain_reason(
    app: FastAPI, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app
    path = settings.key_encryption_key_file.with_name("other_key")
    path.write_text("A" * 43)
    other = settings.model_copy(update={"key_encryption_key_file": path})
    unready, said = create_app(other), ""
    async with unready.router.lifespan_context(unready):
        async with asyncio.timeout(20):
            while "AUTH_KEY_ENCRYPTION_KEY_FILE is not the secret" not in said:
                await asyncio.sleep(0.01)
                said += capsys.readouterr().out
        with pytest.raises(Unavailable):
            await unready.state.resources.keys.ready()


async def test_a_raised_version_ends_the_session_at_its_refresh(
    app: FastAPI, urls: dict[str, str]
) -> None:
    async with client_of(app) as client:
        await sign_in(client, FORM["email"])
        await servers.execute(urls["owner"], "UPDATE users SET ver = ver + 1")
        answer = await client.post(f"{AUTH}/refresh")
        assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")
        assert not [item for item in client.cookies.jar if item.name != "ea_device"]
        assert (await client.post(f"{AUTH}/login", json=FORM)).status_code == 200
        assert (await client.post(f"{AUTH}/refresh")).status_code == 200


async def test_sessions_that_ran_out_do_not_count_among_the_fifty(
    app: FastAPI, redis_url: str
) -> None:
    redis = Redis.from_url(redis_url, decode_responses=True)
    async with client_of(app) as first, client_of(app) as other:
        await sign_in(first, FORM["email"])
        (index,) = [key async for key in redis.scan_iter("user_sessions:*")]
        (oldest,) = await redis.zrange(index, 0, -1)
        for _ in range(49):
            assert (await other.post(f"{AUTH}/login", json=FORM)).status_code == 200
        _, *later = await redis.zrange(index, 0, -1)
        await redis.delete(*("session:" + str(member) for member in later[:10]))
        assert (await other.post(f"{AUTH}/login", json=FORM)).status_code == 200
        assert (await first.get(f"{AUTH}/me")).status_code == 200
        members = await redis.zrange(index, 0, -1)
        assert oldest in members
        assert not {*members} & {*later[:10]}
    await redis.aclose()


async def test_redis_that_is_full_lets_people_out_and_not_in(settings: Settings) -> None:
    with Valkey("--maxmemory-policy", "noeviction") as server:
        own = settings.model_copy(update={"redis_url": server.url})
        async with started(own) as app, client_of(app) as client:
            await sign_in(client, FORM["email"])
            with server.client() as direct:
                direct.config_set("maxmemory", 1)
            await refused(client, "POST", "login", FORM)
            await refused(client, "POST", "login", FORM | {"password": "wrong horse battery"})
            await refused(client, "POST", "register", FORM | {"email": "new@example.com"})
            await refused(client, "POST", "refresh", None)
            assert (await client.post(f"{AUTH}/logout")).status_code == 204
            with server.client() as direct:
                direct.config_set("maxmemory", 0)
            assert (await client.post(f"{AUTH}/login", json=FORM)).status_code == 200


async def test_redis_that_was_never_there(settings: Settings) -> None:
    gone = settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port()}/0"})
    async with started(gone) as app, client_of(app) as client:
        assert (await client.get("/readyz")).status_code == 200
        form = FORM | {"email": "new@example.com"}
        await refused(client, "POST", "register", form)  # without counts nobody may try
        await refused(client, "POST", "login", form)
