"""What an operator sees of the process: connections, cache, keys."""

import httpx
from fastapi import FastAPI

from expenses_service.settings import Settings
from tests.conftest import client_of, running

PATH = "/api/v1/expenses/summary"


def figures(text: str) -> dict[str, float]:
    """Each sample by its name and labels."""
    samples = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


async def read(client: httpx.AsyncClient) -> dict[str, float]:
    return figures((await client.get("/metrics")).text)


async def test_connections_are_counted_by_what_they_do(
    app: FastAPI, anonymous: httpx.AsyncClient
) -> None:
    size = app.state.resources.settings.database_pool_size
    async with app.state.resources.database.transaction():
        busy = await read(anonymous)
    idle = await read(anonymous)
    assert busy["database_pool_size"] == idle["database_pool_size"] == size
    assert busy['database_pool_connections{state="in_use"}'] == 1
    assert idle['database_pool_connections{state="in_use"}'] == 0
    assert idle['database_pool_connections{state="idle"}'] >= 1


async def test_replies_are_counted_by_where_they_came_from(ada: httpx.AsyncClient) -> None:
    asked = {"group_by": "category"}
    first = await ada.get(PATH, params=asked)
    await ada.get(PATH, params=asked)
    for way in ("group%5Fby=category", "group_b%79=category"):  # the same to the route alone
        await ada.get(f"{PATH}?{way}")
    known = {"If-None-Match": first.headers["etag"]}
    assert (
        await ada.get("/api/v1/expenses/summary", params=asked, headers=known)
    ).status_code == 304
    figures = await read(ada)
    for source, times in {"miss": 2, "memory": 1, "hit": 1, "same": 1}.items():
        assert figures[f'cache_replies_total{{source="{source}"}}'] == times
    assert figures["cache_usable"] == 1


async def test_without_a_redis_nothing_is_said_of_one(settings: Settings) -> None:
    async with (
        running(settings.model_copy(update={"cache_url": ""})) as app,
        client_of(app) as client,
    ):
        assert "cache_usable" not in await read(client)


async def test_keys_are_counted_and_their_age_is_told(
    app: FastAPI, anonymous: httpx.AsyncClient
) -> None:
    ring = app.state.resources.keys
    assert (await read(anonymous))["key_set_keys"] == 1
    now = ring._clock()  # noqa: SLF001 - an hour passes
    ring._clock = lambda: now + 3600  # noqa: SLF001 - the same
    assert 3600 <= (await read(anonymous))["key_set_age_seconds"] < 3660
