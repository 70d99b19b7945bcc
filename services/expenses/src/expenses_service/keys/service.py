"""Holds the last good key set and keeps it fresh in the background (SECURITY.md, Keys)."""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import structlog

from expenses_service.keys.errors import KeySetRefused, KeySetUnreachable, KeysUnavailable
from expenses_service.keys.models import KeySet, PublicKey
from expenses_service.keys.repository import FileKeySource, HttpKeySource, KeySource
from expenses_service.keys.rules import parse_key_set

STALE_IF_ERROR_SECONDS = 24 * 3600.0
REFETCH_COOLDOWN_SECONDS = 10.0
RETRY_SECONDS = 1.0
RETRY_WITH_COPY_SECONDS = 15.0
JITTER = 0.1
MAX_UNKNOWN_KIDS = 1024
UNKNOWN_KID_SECONDS = 12.0  # less than a key is published before it signs

log = structlog.get_logger(__name__)


class KeyRing:
    """Answers `find(kid)` from memory; a request waits for a fetch only when its kid is unknown."""

    def __init__(self, source: KeySource, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._began_at = clock()
        self._keys: KeySet = {}
        self._document = b""
        self._confirmed_at = 0.0
        self._last_attempt_ok = False
        self._next_refetch_at = 0.0
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._fetch: asyncio.Task[None] | None = None
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin fetching in the background; neither waits for an answer nor fails without one."""
        self._begin_fetch()
        self._loop = asyncio.create_task(self._keep_fresh(), name="keys-refresh")

    async def close(self) -> None:
        """Stop the background work and give back the source's connections."""
        tasks = [task for task in (self._loop, self._fetch) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._source.close()

    def ready(self) -> bool:
        """Whether there is a set that may be used: one confirmed in the last 24 hours."""
        return bool(self._keys) and self._clock() - self._confirmed_at <= STALE_IF_ERROR_SECONDS

    def age(self) -> float:
        """Seconds since the source confirmed the set; since the start while there is none."""
        return self._clock() - (self._confirmed_at if self._keys else self._began_at)

    def size(self) -> int:
        """The keys that are held, usable or not."""
        return len(self._keys)

    def holds(self, kid: str) -> bool:
        """Whether `kid` is in the set now, without any fetch."""
        return self.ready() and kid in self._keys

    async def find(self, kid: str) -> PublicKey | None:
        """The key named `kid`, or None when the source, freshly asked, does not know it.

        Raises:
            KeysUnavailable: there is no usable set, or `kid` is unknown and the source is down, so
                that nobody can say whether the token is good.

        """
        if not self.ready():
            await self._join_fetch()
        elif kid not in self._keys and self._worth_asking(kid):
            await self._refresh()
            self._remember_if_unknown(kid)
        if not self.ready():
            raise KeysUnavailable(retry_after=1, cause="key set: none")
        key = self._keys.get(kid)
        if key is None and not self._last_attempt_ok:
            raise KeysUnavailable(
                retry_after=int(RETRY_WITH_COPY_SECONDS), cause="key set: not renewed, kid unknown"
            )
        return key

    def _worth_asking(self, kid: str) -> bool:
        """Whether an unknown `kid` may wait for a fetch: one under way, or one that is due."""
        now = self._clock()
        due = now >= self._next_refetch_at and now >= self._unknown.get(kid, 0.0)
        return self._fetch is not None or due

    def _remember_if_unknown(self, kid: str) -> None:
        if kid in self._keys or not self._last_attempt_ok:
            return
        self._unknown[kid] = self._clock() + UNKNOWN_KID_SECONDS
        self._unknown.move_to_end(kid)
        if len(self._unknown) > MAX_UNKNOWN_KIDS:
            self._unknown.popitem(last=False)

    async def _join_fetch(self) -> None:
        """Wait for the fetch that is under way, if one is."""
        if self._fetch is not None:
            await asyncio.shield(self._fetch)

    def _begin_fetch(self) -> asyncio.Task[None]:
        if self._fetch is None:
            self._next_refetch_at = self._clock() + REFETCH_COOLDOWN_SECONDS
            self._fetch = asyncio.create_task(self._load(), name="keys-fetch")
        return self._fetch

    async def _refresh(self) -> None:
        """Fetch once for all who wait; a waiter that hangs up does not stop the others' fetch."""
        await asyncio.shield(self._begin_fetch())

    async def _load(self) -> None:
        try:
            document = await self._source.load()
            if document != self._document:
                self._keys = parse_key_set(document)
                self._document = document
                self._unknown.clear()
                log.info("keys_loaded", kids=sorted(self._keys))
            self._confirmed_at = self._clock()
            self._last_attempt_ok = True
        except (KeySetRefused, KeySetUnreachable) as error:
            self._last_attempt_ok = False
            log.warning("keys_not_loaded", reason=str(error), keys_held=len(self._keys))
        except Exception as error:  # noqa: BLE001 - nothing may end the refreshing unnoticed
            self._last_attempt_ok = False
            log.error("keys_not_loaded", reason=type(error).__qualname__, keys_held=len(self._keys))  # noqa: TRY400 - the message may quote what was fetched
        finally:
            self._fetch = None

    async def _keep_fresh(self) -> None:
        while True:
            await self._refresh()
            await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        if self._last_attempt_ok:
            return self._source.refresh_seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, no secret
        return RETRY_WITH_COPY_SECONDS if self._keys else RETRY_SECONDS


def open_key_ring(*, url: str | None, path: Path | None) -> KeyRing:
    """A ring over the one source that the settings name: an address or a file."""
    if (url is None) == (path is None):
        raise ValueError("exactly one of the key set's address and file must be given")
    return KeyRing(HttpKeySource(url) if url is not None else FileKeySource(path or Path()))
