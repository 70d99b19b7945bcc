"""Polls auth for what it has revoked and tells whether a token is among it (SECURITY.md)."""

import asyncio
import time
from collections.abc import Callable

import structlog

from expenses_service.authentication.errors import InvalidToken
from expenses_service.authentication.models import Principal
from expenses_service.authentication.rules import read_token, verified_claims
from expenses_service.keys.errors import KeysUnavailable
from expenses_service.keys.service import KeyRing
from expenses_service.revocations.errors import ListRefused, ListUnreachable
from expenses_service.revocations.models import RevocationList
from expenses_service.revocations.repository import RevocationSource
from expenses_service.revocations.rules import LIST_TYPE, MAX_DOCUMENT_BYTES, read_list

log = structlog.get_logger(__name__)


class RevocationReader:
    """Holds the last good list; whatever a poll meets, that list stays until a newer one comes.

    Without a source, and before the first list, nothing counts as revoked.
    """

    def __init__(
        self,
        source: RevocationSource | None,
        ring: KeyRing,
        issuer: str,
        *,
        poll_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._ring = ring
        self._issuer = issuer
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._etag: str | None = None
        self._confirmed_at = clock()
        self._loop: asyncio.Task[None] | None = None
        self.list: RevocationList | None = None
        self.polls = {"new": 0, "same": 0, "refused": 0, "unreachable": 0}

    async def start(self) -> None:
        """Begin polling in the background; neither waits for auth nor fails without it."""
        if self._source is None:
            log.warning("revocations_not_polled", hint="EXPENSES_REVOCATIONS_URL is not set")
            return
        self._loop = asyncio.create_task(self._keep_polling(self._source), name="revocations")

    async def close(self) -> None:
        """Stop polling and give back the source's connections."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        if self._source is not None:
            await self._source.close()

    def is_revoked(self, principal: Principal) -> bool:
        """Whether the session of a verified token has ended, or its version is too low."""
        held = self.list
        return held is not None and held.has(
            principal.user_id, principal.session_id, principal.version
        )

    def age(self) -> float:
        """Seconds since auth last confirmed the list; since the start while there is none."""
        return max(0.0, self._clock() - self._confirmed_at)

    async def _keep_polling(self, source: RevocationSource) -> None:
        last = ""
        while True:
            outcome, reason = await self._poll(source)
            self.polls[outcome] += 1
            if reason != last and reason:
                log.warning("revocations_not_renewed", outcome=outcome, reason=reason)
            elif reason != last:
                log.info("revocations_renewed")
            last = reason
            await asyncio.sleep(self._poll_seconds)

    async def _poll(self, source: RevocationSource) -> tuple[str, str]:
        """What came of one poll: the name under which it is counted, and what was wrong."""
        try:
            answer = await source.load(self._etag)
            if answer is not None:
                self._use(await self._read(answer.document))
                self._etag = answer.etag
        except ListUnreachable as error:
            return "unreachable", str(error)
        except (ListRefused, InvalidToken, KeysUnavailable) as error:
            return "refused", str(error) if isinstance(error, ListRefused) else type(error).__name__
        self._confirmed_at = self._clock()
        return ("same" if answer is None else "new"), ""

    async def _read(self, document: bytes) -> RevocationList:
        """Raises ListRefused, InvalidToken, KeysUnavailable."""
        text = document.decode("ascii", errors="replace")
        token = read_token(text, LIST_TYPE, MAX_DOCUMENT_BYTES)
        key = await self._ring.find(token.kid)
        if key is None:
            raise ListRefused("signed with an unknown key")
        return read_list(verified_claims(token, key), self._issuer, self._clock())

    def _use(self, new: RevocationList) -> None:
        """Raises ListRefused when `new` is older than the list that is held."""
        if self.list is not None and new.issued_at < self.list.issued_at:
            raise ListRefused("older than the one held")
        self.list = new


def open_reader(
    url: str | None, ring: KeyRing, issuer: str, *, poll_seconds: float
) -> RevocationReader:
    """A reader of the list at `url`; of none when that is not set."""
    source = None if url is None else RevocationSource(url)
    return RevocationReader(source, ring, issuer, poll_seconds=poll_seconds)
