"""A reader of the revocation list at work, and what it reads."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from expenses_service.authentication.models import Principal
from expenses_service.keys.repository import HttpKeySource
from expenses_service.keys.service import KeyRing
from expenses_service.revocations.service import RevocationReader, open_reader
from tests.jwks_server import JwksServer
from tests.tokens import (
    ISSUER,
    SigningKey,
    key_set,
    user_id,
)
from tests.waiting import until

KEY = SigningKey.generate()
STRANGE = SigningKey.generate()
SESSION = UUID("01900000-0000-7000-8000-00000000aaaa")
PRINCIPAL = Principal(user_id(), SESSION, frozenset(), "web", "UTC", 3, 0)
LISTED = {"sids": [str(SESSION)]}


@asynccontextmanager
async def reading(
    server: JwksServer, poll_seconds: float = 0.01
) -> AsyncIterator[RevocationReader]:
    """A reader that polls every 10 ms, its keys from a server of their own."""
    with JwksServer(key_set(KEY)) as keys:
        ring = KeyRing(HttpKeySource(keys.url))
        await ring.start()
        await until(ring.ready)
        reader = open_reader(server.url, ring, ISSUER, poll_seconds=poll_seconds)
        await reader.start()
        try:
            yield reader
        finally:
            await reader.close()
            await ring.close()


def polled(reader: RevocationReader, outcome: str) -> Callable[[], bool]:
    """Two more polls ended so: the second began after whatever was changed before."""
    before = reader.polls[outcome]
    return lambda: reader.polls[outcome] >= before + 2
