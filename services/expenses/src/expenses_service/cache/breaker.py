"""A circuit breaker: the first failure opens it, and a probe in the background closes it."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

PROBE_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Breaker:
    """While open, callers skip the dependency at no cost; no request ever pays for a probe."""

    def __init__(
        self, probe: Callable[[], Awaitable[bool]], interval: float = PROBE_SECONDS
    ) -> None:
        self._probe = probe
        self._interval = interval
        self._healing: asyncio.Task[None] | None = None

    @property
    def closed(self) -> bool:
        """Whether the dependency may be asked."""
        return self._healing is None

    def trip(self, reason: str) -> None:
        """Open it; further failures of requests already under way change nothing."""
        if self._healing is None:
            log.warning("cache_skipped", reason=reason)
            self._healing = asyncio.create_task(self._heal(), name="cache-probe")

    async def close(self) -> None:
        """Stop probing; called when the service stops."""
        if self._healing is not None:
            self._healing.cancel()
            await asyncio.gather(self._healing, return_exceptions=True)

    async def _heal(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            if await self._probe():
                break
        self._healing = None
        log.info("cache_used_again")
