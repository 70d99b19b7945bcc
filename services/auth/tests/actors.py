"""Applications, clients and people for the tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from auth_service.app import create_app
from auth_service.errors import Unavailable
from auth_service.settings import Settings
from tests.declared import DeclaredTransport

BASE_URL = "http://localhost:8080"
AUTH = "/api/v1/auth"
PASSWORD = "correct horse battery"


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[FastAPI]:
    """An application whose keys are there."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        async with asyncio.timeout(60):
            while not await _is_ready(app):  # noqa: ASYNC110 - readiness is asked, not announced
                await asyncio.sleep(0.005)
        yield app


async def _is_ready(app: FastAPI) -> bool:
    try:
        await app.state.resources.keys.ready()
    except Unavailable:
        return False
    return True


def client_of(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    """A client with a cookie jar of its own; its answers have to be declared ones."""
    transport = DeclaredTransport(app)
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers)


async def register(client: httpx.AsyncClient, email: str, **more: str) -> httpx.Response:
    """An account with the password of all tests."""
    form = {"email": email, "password": PASSWORD, **more}
    return await client.post(f"{AUTH}/register", json=form)


async def sign_in(client: httpx.AsyncClient, email: str) -> dict[str, object]:
    """Register and sign in; the answer to the login."""
    assert (await register(client, email)).status_code == 201
    answer = await client.post(f"{AUTH}/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    body: dict[str, object] = answer.json()
    return body
