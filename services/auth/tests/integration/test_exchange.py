"""The exchange's memory: how long it trusts, how it asks, and what it does without Postgres."""

import asyncio
import time

import pytest
from fastapi import FastAPI
from sqlalchemy import event, text

from auth_service.database import Database
from auth_service.errors import Unavailable
from auth_service.ids import uuid7
from auth_service.keys.errors import InvalidToken
from auth_service.resources import Resources
from auth_service.sessions.errors import SessionRevoked
from auth_service.tokens.exchange import TRUSTED_SECONDS, Exchange
from tests import postgres as servers
from tests.actors import AUTH, client_of, sign_in
from tests.valkey import free_port


class World:
    """An exchange on a clock that stands still unless told, and what it asks of Postgres."""

    def __init__(self, resources: Resources, database: Database, token: str) -> None:
        self.now = time.time()
        self.token = token
        self.exchange = Exchange(database, resources.keys, "expense-auth", lambda: self.now)
        self.queries = 0
        event.listen(database.engine.sync_engine, "before_cursor_execute", self._count)

    def _count(self, _: object, __: object, statement: str, *___: object) -> None:
        self.queries += statement.startswith("SELECT personal_access_tokens")

    async def access(self) -> str:
        return (await self.exchange.access_for(self.token)).access.text


@pytest.fixture
async def world(app: FastAPI, database: Database) -> World:
    async with client_of(app) as ada:
        await sign_in(ada, "ada@example.com")
        form = {"name": "Report", "scopes": ["expenses:read"]}
        token = (await ada.post(f"{AUTH}/tokens", json=form)).json()["token"]
    return World(app.state.resources, database, token)


async def test_is_trusted_for_two_seconds_then_asked_again(world: World) -> None:
    first = await world.access()
    world.now += TRUSTED_SECONDS - 0.001
    assert await world.access() == first
    assert world.queries == 1
    world.now += 0.001
    assert await world.access() == first
    assert world.queries == 2


@pytest.mark.parametrize("back", [1, 60, 3600])
async def test_a_clock_that_goes_back_makes_nothing_trusted_for_longer(
    world: World, back: float
) -> None:
    """Nor does a token go out whose time is yet to come."""
    await world.access()
    world.now -= back
    later = await world.exchange.access_for(world.token)
    assert world.queries == 2
    assert later.access.expires_at <= world.now + 300


async def test_a_revocation_ends_it_at_the_next_question(
    world: World, urls: dict[str, str]
) -> None:
    await world.access()
    await servers.execute(urls["owner"], "UPDATE personal_access_tokens SET revoked_at = now()")
    world.now += TRUSTED_SECONDS
    with pytest.raises(SessionRevoked):
        await world.access()


async def test_a_disabled_user_ends_it_too(world: World, urls: dict[str, str]) -> None:
    await world.access()
    await servers.execute(urls["owner"], "UPDATE users SET disabled_at = now()")
    world.now += TRUSTED_SECONDS
    with pytest.raises(SessionRevoked):
        await world.access()


async def test_what_was_asked_before_all_tokens_ended_is_not_remembered(
    world: World, database: Database, urls: dict[str, str]
) -> None:
    """Its question may have been answered just before: who asks later asks anew."""
    async with database.transaction() as connection:
        await connection.execute(text("LOCK TABLE personal_access_tokens"))
        early = asyncio.create_task(world.exchange.access_for(world.token))
        while world.queries == 0:  # noqa: ASYNC110 - it waits for the lock
            await asyncio.sleep(0.005)
        user = (await connection.execute(text("SELECT id FROM users"))).scalar_one()
        await servers.execute(urls["owner"], "UPDATE users SET ver = ver + 1")
        world.exchange.forget(user)
        late = asyncio.create_task(world.exchange.access_for(world.token))
        while world.queries == 1:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.005)
    first, second = await early, await late
    assert world.queries == 2
    assert await world.exchange.access_for(world.token) == second
    assert first is not second


async def test_others_are_not_forgotten(world: World) -> None:
    await world.access()
    world.exchange.forget(uuid7())
    await world.access()
    assert world.queries == 1


async def test_it_is_signed_anew_before_it_runs_out(world: World) -> None:
    first = await world.exchange.access_for(world.token)
    world.now = first.access.expires_at - 122
    assert await world.access() == first.access.text
    world.now = first.access.expires_at - 120
    later = await world.exchange.access_for(world.token)
    assert later.access.expires_at >= first.access.expires_at + 160


async def test_all_who_ask_at_once_share_one_question(world: World) -> None:
    assert len({*await asyncio.gather(*(world.access() for _ in range(50)))}) == 1
    assert world.queries == 1


async def test_who_hangs_up_takes_nothing_from_the_others(world: World) -> None:
    first = asyncio.create_task(world.access())
    second = asyncio.create_task(world.access())
    await asyncio.sleep(0)
    first.cancel()
    assert await second
    assert world.queries == 1


async def test_a_mistyped_token_asks_nothing(world: World) -> None:
    for wrong in ("x", world.token[:-1] + "x", world.token.upper()):
        with pytest.raises(InvalidToken):
            await world.exchange.access_for(wrong)
    assert world.queries == 0


async def test_without_postgres_nobody_is_believed_for_longer(world: World) -> None:
    await world.access()
    gone = Database(f"postgresql://nobody@127.0.0.1:{free_port()}/none", "x")
    world.exchange._database = gone  # noqa: SLF001 - the server is gone
    assert await world.access()
    world.now += TRUSTED_SECONDS
    with pytest.raises(Unavailable):
        await world.access()
    await gone.close()


async def test_the_use_is_written_once_a_minute(world: World, database: Database) -> None:
    async def used() -> float:
        async with database.transaction() as connection:
            at = await connection.execute(text("SELECT last_used_at FROM personal_access_tokens"))
            return float(at.scalar_one().timestamp())

    await world.access()
    first = await used()
    world.now += 59
    await world.access()
    assert await used() == first
    world.now += 2
    await world.access()
    assert await used() == pytest.approx(world.now, abs=0.001)
