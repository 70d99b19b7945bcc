"""Real servers for the tests: PostgreSQL and Valkey."""

import base64
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import redis
from fastapi import FastAPI

from auth_service.database import Database
from auth_service.settings import Settings
from tests import postgres as servers
from tests.actors import BASE_URL, client_of, sign_in, started
from tests.valkey import Valkey

KEYLESS = ("signing_keys",)  # a key takes a second to make, so that tests share the first one


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
    """The same, with all tables empty but that of the signing keys."""
    await servers.empty(migrated["owner"], but=KEYLESS)
    return migrated


@pytest.fixture
async def no_keys(urls: dict[str, str]) -> AsyncIterator[None]:
    """Without any key, and after the test without those that it made."""
    await servers.execute(urls["owner"], "TRUNCATE signing_keys")
    yield
    await servers.execute(urls["owner"], "TRUNCATE signing_keys")


@pytest.fixture
async def database(urls: dict[str, str]) -> AsyncIterator[Database]:
    """The service's own way to the empty database, as its app role."""
    database = Database(servers.without_password(urls["app"]), servers.PASSWORD)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def redis_server_url() -> Iterator[str]:
    """The address of a Valkey: the one that TEST_REDIS_URL names, or one of our own."""
    if given := os.environ.get("TEST_REDIS_URL"):
        yield given
        return
    with Valkey() as server:
        yield server.url


@pytest.fixture
def redis_url(redis_server_url: str) -> str:
    """The same, empty."""
    with redis.Redis.from_url(redis_server_url) as client:
        client.flushdb()
    return redis_server_url


@pytest.fixture(scope="session")
def secret_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The secret files that the settings name."""
    folder = tmp_path_factory.mktemp("secrets")
    texts = {
        "database_password": servers.PASSWORD,
        "key_encryption_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {name: folder / name for name in texts}


@pytest.fixture
def settings(urls: dict[str, str], redis_url: str, secret_files: dict[str, Path]) -> Settings:
    """Settings for the servers of the tests; hashing is cheap, its parameters apart."""
    return Settings(
        public_origin=BASE_URL,
        database_url=servers.without_password(urls["app"]),
        database_password_file=secret_files["database_password"],
        redis_url=redis_url,
        key_encryption_key_file=secret_files["key_encryption_key"],
        argon2_time_cost=1,
        argon2_memory_kib=8,
        throttle_address_failures=1_000_000,
        throttle_account_failures=1_000_000,
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The whole application, its lifespan begun and its keys there."""
    async with started(settings) as app:
        yield app


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without credentials; an exception in the application fails the test."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def ada(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A signed-in user, with cookies as a browser keeps them."""
    async with client_of(app) as client:
        await sign_in(client, "ada@example.com")
        yield client


@pytest.fixture
async def bob(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Another one."""
    async with client_of(app) as client:
        await sign_in(client, "bob@example.com")
        yield client
