"""What an operator sees of the process: connections, passwords at work."""

import httpx
from fastapi import FastAPI


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


async def test_places_for_passwords_are_counted(app: FastAPI, anonymous: httpx.AsyncClient) -> None:
    settings = app.state.resources.settings
    places = settings.password_threads + settings.password_waiting
    async with app.state.resources.passwords.turn():
        assert (await read(anonymous))["password_turns_free"] == places - 1
    assert (await read(anonymous))["password_turns_free"] == places
