"""Ready as long as Postgres answers, however much is asked of it."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.pool import QueuePool

from expenses_service.settings import Settings
from tests import postgres as servers
from tests.conftest import client_of, running
from tests.waiting import in_time


@pytest.fixture
async def app(server: servers.Postgres, settings: Settings) -> AsyncIterator[FastAPI]:
    own = {"database_url": server.url, "database_password_file": None, "database_pool_size": 2}
    async with running(settings.model_copy(update=own)) as app:
        yield app


async def failing(client: httpx.AsyncClient) -> list[str]:
    answer = await client.get("/readyz")
    return [] if answer.status_code == 200 else list(answer.json()["failing"])


async def test_with_all_connections_in_use_it_is_ready(app: FastAPI) -> None:
    database = app.state.resources.database

    pool = database.engine.pool
    assert isinstance(pool, QueuePool)
    async with AsyncExitStack() as held, client_of(app) as client:
        for _ in range(2):
            await held.enter_async_context(database.transaction())
        assert pool.checkedout() == 2
        assert await failing(client) == []


@pytest.mark.impatient
async def test_a_server_that_is_away_or_hangs_is_named_in_time(
    app: FastAPI, server: servers.Postgres
) -> None:
    async with client_of(app) as client:
        assert await failing(client) == []

        async def hangs() -> float:
            server.signal(signal.SIGSTOP)
            try:
                began = time.monotonic()
                answers = await asyncio.gather(*(failing(client) for _ in range(3)))
                seconds = time.monotonic() - began
            finally:
                server.signal(signal.SIGCONT)
            assert answers == [["database"]] * 3
            assert await failing(client) == []
            return seconds

        await in_time(hangs, 3)  # what the gateway waits for one
        server.stop()
        assert await failing(client) == ["database"]
        server.start()
        assert await failing(client) == []
