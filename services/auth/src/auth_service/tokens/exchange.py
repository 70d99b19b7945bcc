"""Gives a short access token for a personal one: what the gateway asks for with each request.

An answer is trusted for two seconds. Then one query, shared by all who ask meanwhile, says whether
it still stands; the same signed token serves for minutes while nothing about it has changed. What
ends a user's access tokens makes this process forget its answers at once.
"""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from auth_service.database import Database
from auth_service.keys.errors import InvalidToken
from auth_service.keys.rules import base64url
from auth_service.keys.service import KeyStore
from auth_service.sessions.errors import SessionRevoked, TokenExpired
from auth_service.sessions.models import Grantor, Token
from auth_service.sessions.rules import ACCESS_SECONDS, ACCESS_TYPE, PAT, access_claims
from auth_service.tokens import repository, rules
from auth_service.tokens.models import PersonalToken, Standing

TRUSTED_SECONDS = 2.0
LEAST_LIFE_SECONDS = 120  # a token handed out lives at least as long, unless its grantor ends
MAX_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Exchanged:
    """An access token, what it was made from, and when that was last seen to stand."""

    access: Token
    user_id: UUID
    token_id: UUID
    made_from: tuple[object, ...]
    checked_at: float


class Exchange:
    """At most 10,000 answers are remembered, by the digest of the personal access token."""

    def __init__(
        self,
        database: Database,
        keys: KeyStore,
        issuer: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._keys = keys
        self._issuer = issuer
        self._clock = clock
        self._remembered: OrderedDict[bytes, Exchanged] = OrderedDict()
        self._checks: dict[bytes, asyncio.Task[Exchanged]] = {}

    async def access_for(self, text: str) -> Exchanged:
        """The access token that stands for the personal one `text`.

        Raises:
            InvalidToken: not a token of ours.
            TokenExpired: past its end.
            SessionRevoked: revoked, or its user is disabled.
            Unavailable, KeysUnavailable: nobody can tell at the moment.

        """
        token_id = rules.read_id(text)
        if token_id is None:
            raise InvalidToken
        digest = rules.digest(text)
        known = self._remembered.get(digest)
        now = self._clock()
        if known and _is_fresh(known, now):
            return known
        return await asyncio.shield(self._checking(digest, text, token_id))

    def forget(self, user_id: UUID) -> None:
        """The user's access tokens have ended: no answer from before, nor one under way, serves."""
        for digest, known in list(self._remembered.items()):
            if known.user_id == user_id:
                del self._remembered[digest]
        self._checks.clear()

    def _checking(self, digest: bytes, text: str, token_id: UUID) -> asyncio.Task[Exchanged]:
        """The one check under way; it has no single request's time limit."""
        task = self._checks.get(digest)
        if task is None:
            task = asyncio.create_task(self._check(digest, text, token_id), context=Context())
            self._checks[digest] = task
            task.add_done_callback(lambda done: self._checked(digest, done))
        return task

    def _checked(self, digest: bytes, task: asyncio.Task[Exchanged]) -> None:
        if self._checks.get(digest) is not task:
            return  # what it has read may be from before the user's tokens ended
        del self._checks[digest]
        if task.cancelled() or task.exception() is not None:
            self._remembered.pop(digest, None)
            return
        self._remembered[digest] = task.result()
        self._remembered.move_to_end(digest)
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)

    async def _check(self, digest: bytes, text: str, token_id: UUID) -> Exchanged:
        now = self._clock()
        async with self._database.transaction() as connection:
            standing = await repository.find_standing(connection, token_id)
            if standing is None or not rules.is_of(text, standing.secret_sha256):
                raise InvalidToken
            _refuse_ended(standing, now)
            await repository.mark_used(connection, token_id, datetime.fromtimestamp(now, UTC))
        return await self._renew(self._remembered.get(digest), standing, now)

    async def _renew(self, known: Exchanged | None, standing: Standing, now: float) -> Exchanged:
        user, token = standing.user, standing.token
        made_from = (user.ver, user.time_zone, tuple(token.scopes), token.expires_at)
        if known and known.made_from == made_from:
            left = known.access.expires_at - now
            enough = left > LEAST_LIFE_SECONDS or known.access.expires_at == _end_of(token)
            if enough and left <= ACCESS_SECONDS:  # else of a clock that has gone back since
                return replace(known, checked_at=now)
        access = await self._sign(standing, now)
        return Exchanged(access, user.id, token.id, made_from, now)

    async def _sign(self, standing: Standing, now: float) -> Token:
        token = standing.token
        grantor = Grantor(
            id=token.id,
            auth_time=int(token.created_at.timestamp()),
            client_id=PAT,
            scope=" ".join(token.scopes),
            expires_at=_end_of(token),
        )
        claims = access_claims(
            self._issuer,
            standing.user,
            grantor,
            jti=base64url(uuid4().bytes),
            now=int(now),
            jitter=random.random(),  # noqa: S311 - spreads load, no secret
        )
        return Token(await self._keys.sign(ACCESS_TYPE, claims), int(str(claims["exp"])))


def _is_fresh(known: Exchanged, now: float) -> bool:
    """Not when it was seen later than now: the clock has gone back, nobody knows how far."""
    return 0 <= now - known.checked_at < TRUSTED_SECONDS and now < known.access.expires_at


def _end_of(token: PersonalToken) -> int | None:
    return None if token.expires_at is None else int(token.expires_at.timestamp())


def _refuse_ended(standing: Standing, now: float) -> None:
    """Raises SessionRevoked, TokenExpired."""
    end = _end_of(standing.token)
    token = f"token {standing.token.id} of {standing.user.id}"
    if standing.token.revoked_at is not None:
        raise SessionRevoked(cause=f"{token}: revoked")
    if standing.user.disabled_at is not None:
        raise SessionRevoked(cause=f"{token}: account disabled")
    if end is not None and int(now) >= end:
        raise TokenExpired
