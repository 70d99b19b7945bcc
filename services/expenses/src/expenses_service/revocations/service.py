"""Polls auth for what it has revoked and tells whether a token is among it (SECURITY.md)."""

import asyncio
import time
from collections.abc import Callable

import structlog

from expenses_service.authentication.errors import InvalidToken
from expenses_service.authentication.models import Principal, UnverifiedToken
from expenses_service.authentication.rules import read_token, signed_payload, strict_object
from expenses_service.keys.errors import KeysUnavailable
from expenses_service.keys.models import PublicKey
from expenses_service.keys.service import KeyRing
from expenses_service.revocations.errors import ListNotTaken, Reason
from expenses_service.revocations.models import RevocationList
from expenses_service.revocations.repository import RevocationSource
from expenses_service.revocations.rules import (
    LIST_TYPE,
    MAX_DOCUMENT_BYTES,
    read_list,
    require_newer,
)

NEW, SAME = "new", "same"

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
        self._confirmed_at = time.monotonic()
        self._loop: asyncio.Task[None] | None = None
        self.list: RevocationList | None = None
        self.polls: dict[str, int] = dict.fromkeys((NEW, SAME, *Reason), 0)

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
        return time.monotonic() - self._confirmed_at

    async def _keep_polling(self, source: RevocationSource) -> None:
        """One poll at a time; timed from begin to begin, or the time of a slow one would add up.

        After one in vain the next comes at once: of several replicas of auth another may answer.
        """
        last = ""
        while True:
            began = time.monotonic()
            reason = await self._poll(source)
            if reason and reason != last:
                log.warning("revocations_not_renewed", reason=reason)
            elif reason != last:
                log.info("revocations_renewed")
            if last or not reason:
                await asyncio.sleep(began + self._poll_seconds - time.monotonic())
            last = reason

    async def _poll(self, source: RevocationSource) -> str:
        """Ask once, and count how it ended; what was wrong, or nothing."""
        began = time.monotonic()
        try:
            answer = await source.load(self._etag)
            if answer is not None:
                new = await self._read(answer.document)
                require_newer(new, self.list, self._clock())
                self.list, self._etag = new, answer.etag
        except ListNotTaken as error:
            self.polls[error.reason] += 1
            return str(error)
        except Exception as error:  # noqa: BLE001 - nothing may end the polling unnoticed
            self.polls[Reason.UNEXPECTED] += 1
            return type(error).__qualname__
        self.polls[SAME if answer is None else NEW] += 1
        self._confirmed_at = began
        return ""

    async def _read(self, document: bytes) -> RevocationList:
        """Beside the event loop, which a list of 50,000 entries would hold up for 50 ms."""
        token = await asyncio.to_thread(_form, document)
        try:
            key = await self._ring.find(token.kid)
        except KeysUnavailable as error:
            raise ListNotTaken(Reason.NO_KEYS) from error
        if key is None:
            raise ListNotTaken(Reason.UNKNOWN_KEY)
        return await asyncio.to_thread(_contents, token, key, self._issuer, self._clock())


def _form(document: bytes) -> UnverifiedToken:
    """Raises ListNotTaken."""
    text = document.decode("ascii", errors="replace")
    try:
        return read_token(text, LIST_TYPE, MAX_DOCUMENT_BYTES)
    except InvalidToken as error:
        raise ListNotTaken(Reason.MALFORMED, "no compact JWS of this type") from error


def _contents(token: UnverifiedToken, key: PublicKey, issuer: str, now: float) -> RevocationList:
    """Raises ListNotTaken."""
    try:
        payload = signed_payload(token, key)
    except InvalidToken as error:
        raise ListNotTaken(Reason.SIGNATURE) from error
    try:
        claims = strict_object(payload)
    except InvalidToken as error:
        raise ListNotTaken(Reason.MALFORMED, "no JSON object") from error
    return read_list(claims, issuer, now)


def open_reader(
    url: str | None, ring: KeyRing, issuer: str, *, poll_seconds: float
) -> RevocationReader:
    """A reader of the list at `url`; of none when that is not set."""
    source = None if url is None else RevocationSource(url)
    return RevocationReader(source, ring, issuer, poll_seconds=poll_seconds)
