"""Real servers for the tests: PostgreSQL, Valkey, and an HTTP server in the place of auth."""

import asyncio
import base64
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import redis
from fastapi import FastAPI
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from expenses_service.app import create_app
from expenses_service.database import Database
from expenses_service.settings import Settings
from tests import postgres as servers
from tests.declared import DeclaredTransport
from tests.jwks_server import JwksServer
from tests.patience import LONG, be_patient
from tests.tokens import SigningKey, access_claims, key_set, user_id
from tests.valkey import Valkey

BASE_URL = "http://localhost:8080"

# How long an example takes, of 200 ms by default, says how busy the machine is.
hypothesis_settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only tests of the limits themselves know them."""
    if "impatient" not in request.keywords:
        be_patient(monkeypatch.setitem)
        monkeypatch.setattr("expenses_service.cache.repository.TIMEOUT_SECONDS", LONG)


@pytest.fixture(scope="session")
def superuser_url() -> Iterator[str]:
    """The address of a server: the one that TEST_POSTGRES_URL names, or one of our own."""
    if given := os.environ.get("TEST_POSTGRES_URL"):
        yield given
        return
    server = servers.Postgres()
    try:
        server.start()
        yield server.url
    finally:
        server.remove()


@pytest.fixture(scope="session")
def migrated(superuser_url: str) -> Iterator[dict[str, str]]:
    """Addresses of a migrated database, by role: `owner`, `app`."""
    urls = servers.make_database(superuser_url)
    yield urls
    servers.drop_database(superuser_url, urls["name"])


@pytest.fixture
async def urls(migrated: dict[str, str]) -> dict[str, str]:
    """The same, with all tables empty."""
    await servers.empty(migrated["owner"])
    return migrated


@pytest.fixture
async def database(urls: dict[str, str]) -> AsyncIterator[Database]:
    """The service's own way to the empty database, as its app role."""
    database = Database(servers.without_password(urls["app"]), servers.PASSWORD)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def cache_url() -> Iterator[str]:
    """The address of a Valkey: the one that TEST_REDIS_URL names, or one of our own."""
    if given := os.environ.get("TEST_REDIS_URL"):
        yield given
        return
    with Valkey() as server:
        yield server.url


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    """The key that auth would sign with."""
    return SigningKey.generate()


@pytest.fixture(scope="session")
def jwks_url(signing_key: SigningKey) -> Iterator[str]:
    """Where the service finds the public part of `signing_key`."""
    with JwksServer(key_set(signing_key)) as server:
        yield server.url


@pytest.fixture(scope="session")
def secret_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The secret files that the settings name."""
    folder = tmp_path_factory.mktemp("secrets")
    texts = {
        "database_password": servers.PASSWORD,
        "cursor_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {name: folder / name for name in texts}


@pytest.fixture
def empty_cache(cache_url: str) -> str:
    """The address of the cache with nothing in it: with an empty database versions begin anew."""
    with redis.Redis.from_url(cache_url) as client:
        client.flushdb()
    return cache_url


@pytest.fixture
def settings(
    urls: dict[str, str], empty_cache: str, jwks_url: str, secret_files: dict[str, Path]
) -> Settings:
    """Settings for the servers of the tests."""
    return Settings(
        public_origin=BASE_URL,
        database_url=servers.without_password(urls["app"]),
        database_password_file=secret_files["database_password"],
        cache_url=empty_cache,
        jwks_url=jwks_url,
        cursor_key_file=secret_files["cursor_key"],
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[FastAPI]:
    """The whole application, its lifespan begun and its keys there."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        async with asyncio.timeout(20):
            while not app.state.resources.keys.ready():  # noqa: ASYNC110 - no event tells this
                await asyncio.sleep(0.005)
        yield app


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """One running application."""
    async with running(settings) as app:
        yield app


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without credentials; an exception in the application fails the test."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def ada(app: FastAPI, signing_key: SigningKey) -> AsyncIterator[httpx.AsyncClient]:
    """A signed-in user."""
    async with client_of(app, signing_key.token(access_claims(user_id(1)))) as client:
        yield client


@pytest.fixture
async def bob(app: FastAPI, signing_key: SigningKey) -> AsyncIterator[httpx.AsyncClient]:
    """Another one."""
    async with client_of(app, signing_key.token(access_claims(user_id(2)))) as client:
        yield client


def client_of(app: FastAPI, token: str | None = None) -> httpx.AsyncClient:
    """A client of `app` with `token` as its bearer; its answers have to be declared ones."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    transport = DeclaredTransport(app)
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers)
