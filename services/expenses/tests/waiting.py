"""Waits for what real servers do in their own time."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 20) -> None:
    """Ask again and again. Raises TimeoutError when it does not come true."""
    async with asyncio.timeout(seconds):
        while True:
            answer = condition()
            if answer is True or (isinstance(answer, Awaitable) and await answer):
                return
            await asyncio.sleep(0.01)


async def in_time(measured: Callable[[], Awaitable[float]], seconds: float) -> None:
    """The first try is, or the two after it are: a moment may be slow, most of them are not."""
    tries = [await measured()]
    if tries[0] >= seconds:
        tries += [await measured(), await measured()]
        assert max(tries[1:]) < seconds, tries


async def until_ready(client: httpx.AsyncClient) -> None:
    """Wait for 200 of /readyz."""

    async def ready() -> bool:
        return (await client.get("/readyz")).status_code == 200

    await until(ready)
