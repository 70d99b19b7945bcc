"""Who guesses, from where and when."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
from fastapi import FastAPI

from auth_service.sessions.repository import connect
from auth_service.settings import Settings
from auth_service.throttles.repository import ThrottleStore
from auth_service.throttles.service import Throttle
from tests.actors import AUTH, BASE_URL, PASSWORD, started
from tests.declared import DeclaredTransport

if TYPE_CHECKING:
    from redis.asyncio import Redis

ADA = {"email": "ada@example.com", "password": PASSWORD}
WRONG = ADA | {"password": "not the right one"}


@asynccontextmanager
async def limited(settings: Settings, **limits: int) -> AsyncIterator[FastAPI]:
    """The service with the limits of production, but for those given."""
    standard = {"throttle_address_failures": 20, "throttle_account_failures": 5}
    own = settings.model_copy(update=standard | limits)
    async with started(own) as app:
        yield app


class Clock:
    """Stands still until a test moves it."""

    seconds = 1_800_000_000.0

    def __call__(self) -> int:
        return int(self.seconds * 1000)


@asynccontextmanager
async def clocked(app: FastAPI) -> AsyncIterator[Clock]:
    """The limits of `app`, from now on by a clock of the test's own."""
    given = app.state.resources
    settings, clock = given.settings, Clock()
    redis = connect(settings.redis_url, settings.redis_password())
    store = ThrottleStore(redis, clock)
    throttle = Throttle(store, given.devices, settings, settings.key_encryption_key())
    app.state.resources = replace(given, throttle=throttle)
    yield clock
    await redis.aclose()


def client_at(app: FastAPI, address: str) -> httpx.AsyncClient:
    """A client whose connection comes from `address`."""
    transport = DeclaredTransport(app, client=(address, 40_000))
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL)


async def throttle_keys(redis: "Redis") -> list[str]:
    return sorted([key async for key in redis.scan_iter("throttle:*")])


async def login(client: httpx.AsyncClient, form: dict[str, str]) -> httpx.Response:
    return await client.post(f"{AUTH}/login", json=form)


def refused(answer: httpx.Response, policy: str) -> int:
    """The seconds to wait, of a 429 that is complete."""
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited"), answer.text
    told = re.fullmatch(rf'"{policy}";q=(\d+);w=(\d+)', answer.headers["ratelimit-policy"])
    left = re.fullmatch(rf'"{policy}";r=0;t=(\d+)', answer.headers["ratelimit"])
    assert told
    assert left
    assert left[1] == answer.headers["retry-after"]
    assert "set-cookie" not in answer.headers
    return int(left[1])
