"""What the service holds open while it runs, opened and closed by the application's lifespan."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from fastapi import Request

from auth_service.accounts.passwords import PasswordPool
from auth_service.cookies import CookieProfile
from auth_service.database import Database
from auth_service.devices import Devices
from auth_service.direct import Direct, Statement
from auth_service.events.cursors import Cursors
from auth_service.housekeeping import keep_house
from auth_service.keys.service import KeyStore
from auth_service.sessions.repository import SessionStore, connect
from auth_service.settings import Settings
from auth_service.throttles.repository import ThrottleStore
from auth_service.throttles.service import Throttle
from auth_service.tokens.exchange import Exchange

_PROBE: Final = Statement("SELECT 1", ())


@dataclass(frozen=True, slots=True)
class Resources:
    """One of each for the whole process."""

    settings: Settings
    database: Database
    direct: Direct
    apart: Direct
    """For what a flood must not hold up: whether this is ready, and the list of revocations."""
    sessions: SessionStore
    keys: KeyStore
    passwords: PasswordPool
    devices: Devices
    cursors: Cursors
    throttle: Throttle
    exchange: Exchange
    cookies: CookieProfile

    def readiness(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What must work before traffic may come; signing out works without the sessions' Redis."""
        return {"database": self._database_answers, "keys": self.keys.ready}

    async def _database_answers(self) -> None:
        await self.apart.fetch(_PROBE, {})


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Neither waits for a dependency nor fails without one; closes in reverse order."""
    secret = settings.key_encryption_key()
    async with AsyncExitStack() as stack:
        database = Database(
            settings.database_url,
            settings.database_password(),
            pool_size=settings.database_pool_size,
        )
        stack.push_async_callback(database.close)
        apart = Direct(database.connect, size=1)
        stack.push_async_callback(apart.close)
        direct = Direct(database.connect, size=max(1, settings.database_pool_size // 2))
        stack.push_async_callback(direct.close)
        redis = connect(settings.redis_url, settings.redis_password())
        sessions = SessionStore(redis)
        stack.push_async_callback(sessions.close)
        passwords = PasswordPool(
            time_cost=settings.argon2_time_cost,
            memory_kib=settings.argon2_memory_kib,
            threads=settings.password_threads,
            waiting=settings.password_waiting,
        )
        stack.push_async_callback(passwords.close)
        keys = KeyStore(database, secret, settings.key_lifetime_seconds)
        stack.push_async_callback(keys.close)
        await keys.start()
        house = asyncio.create_task(keep_house(database, settings.event_days), name="housekeeping")
        stack.callback(house.cancel)
        devices = Devices(secret)
        yield Resources(
            settings=settings,
            database=database,
            direct=direct,
            apart=apart,
            sessions=sessions,
            keys=keys,
            passwords=passwords,
            devices=devices,
            cursors=Cursors(secret),
            exchange=Exchange(database, keys, settings.issuer),
            throttle=Throttle(ThrottleStore(redis), devices, settings, secret),
            cookies=CookieProfile(settings.secure),
        )


async def get_resources(request: Request) -> Resources:
    """The dependency that gives them to an endpoint."""
    resources = request.app.state.resources
    if not isinstance(resources, Resources):
        raise TypeError("the application's lifespan has not begun")
    return resources
