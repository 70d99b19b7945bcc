"""What the service holds open while it runs, opened and closed by the application's lifespan."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fastapi import Request

from expenses_service.authentication.service import Authenticator
from expenses_service.cache.memory import Memory
from expenses_service.cache.service import ReplyCache, open_replies
from expenses_service.changes.epochs import Epoch
from expenses_service.changes.versions import VersionReader
from expenses_service.database import Database
from expenses_service.direct import Direct
from expenses_service.downloads.places import Downloads
from expenses_service.expenses.group_commit import GroupCommit
from expenses_service.housekeeping import Housekeeper
from expenses_service.keys.errors import KeysUnavailable
from expenses_service.keys.service import KeyRing, open_key_ring
from expenses_service.revocations.service import RevocationReader, open_reader
from expenses_service.settings import Settings

IMPORTS = 2
PROBE_SECONDS = 2.0  # the gateway waits 3 s for the answer


@dataclass(frozen=True, slots=True)
class Resources:
    """One of each for the whole process."""

    settings: Settings
    database: Database
    direct: Direct
    probe: Direct
    """Apart from the others: all of those in use is no reason to send traffic elsewhere."""
    epoch: Epoch
    recorder: GroupCommit
    versions: VersionReader
    memory: Memory
    cache: ReplyCache
    keys: KeyRing
    revocations: RevocationReader
    authenticator: Authenticator
    cursor_key: bytes
    imports: asyncio.Semaphore
    """How many may run at a time."""
    downloads: Downloads

    def readiness(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What must work before traffic may come; the cache is not among it, it may vanish."""
        return {"database": self._database_answers, "keys": self._keys_are_there}

    async def _database_answers(self) -> None:
        await self.probe.fetch("SELECT 1")

    async def _keys_are_there(self) -> None:
        if not self.keys.ready():
            raise KeysUnavailable


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Neither waits for a dependency nor fails without one; closes in reverse order."""
    async with AsyncExitStack() as stack:
        database = Database(
            settings.database_url,
            settings.database_password(),
            pool_size=settings.database_pool_size,
        )
        stack.push_async_callback(database.close)
        probe = Direct(database.connect, size=1, seconds=PROBE_SECONDS)
        stack.push_async_callback(probe.close)
        direct = Direct(database.connect, size=max(1, settings.database_pool_size // 2))
        stack.push_async_callback(direct.close)
        recorder = GroupCommit(direct)
        stack.push_async_callback(recorder.close)
        versions = VersionReader(database.connect)
        stack.push_async_callback(versions.close)
        cache = open_replies(settings.cache_url, settings.cache_password())
        stack.push_async_callback(cache.close)
        keys = open_key_ring(url=settings.jwks_url, path=settings.jwks_file)
        stack.push_async_callback(keys.close)
        await keys.start()
        revocations = open_reader(
            settings.revocations_url,
            keys,
            settings.issuer,
            poll_seconds=settings.revocations_poll_seconds,
        )
        stack.push_async_callback(revocations.close)
        await revocations.start()
        housekeeper = Housekeeper(database)
        stack.push_async_callback(housekeeper.close)
        await housekeeper.start()
        yield Resources(
            settings=settings,
            database=database,
            direct=direct,
            probe=probe,
            epoch=Epoch(),
            recorder=recorder,
            versions=versions,
            memory=Memory(),
            cache=cache,
            keys=keys,
            revocations=revocations,
            authenticator=Authenticator(keys, settings.issuer, revocations.is_revoked),
            cursor_key=settings.cursor_key(),
            imports=asyncio.Semaphore(IMPORTS),
            downloads=Downloads(),
        )


async def get_resources(request: Request) -> Resources:
    """The dependency that gives them to an endpoint."""
    resources = request.app.state.resources
    if not isinstance(resources, Resources):
        raise TypeError("the application's lifespan has not begun")
    return resources
