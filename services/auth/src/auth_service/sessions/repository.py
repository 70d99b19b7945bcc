"""Sessions in Redis: `HASH session:{sid}` and, for their number, `ZSET user_sessions:{uid}`.

`session:{sid}:replaced` is there for a while when a new password has replaced the session.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any
from uuid import UUID

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from auth_service.deadline import at_most
from auth_service.keys.rules import base64url, base64url_decode
from auth_service.sessions.errors import SessionsUnavailable
from auth_service.sessions.models import Outcome, Session
from auth_service.sessions.rules import IDLE_SECONDS

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 1.5
TOGETHER_SECONDS = 2.0  # of a request's five, which Postgres and Argon2 need too
MAX_CONNECTIONS = 64

EVERY = 2**31
"""Above every auth version of a user."""
ENDED_SECONDS = 600
"""How long a session that has ended is kept, to tell its tokens why.

After that it is not there, and its end is in Postgres. Kept for as long as a session lives, those
that one account leaves, signing in again and again, would fill Redis.
"""

# KEYS: the user's index, session:{sid} of each. ARGV: how long each is kept (ms), the auth version
# from which on a session goes on, sid of each. In one step: a session that runs out between two
# would come back, and without an end. The first write takes no memory, so a full Redis takes all.
END = """
for number = 2, #KEYS do
  local key, kept = KEYS[number], tonumber(ARGV[1])
  local version = redis.call('HGET', key, 'ver')
  if not version or tonumber(version) < tonumber(ARGV[2]) then
    redis.call('ZREM', KEYS[1], ARGV[number + 1])
    if version then
      if redis.call('PTTL', key) > kept then redis.call('PEXPIRE', key, kept) end
      redis.call('HSET', key, 'state', 'revoked')
    end
  end
end
"""

# RuntimeError is uvloop's word for a connection that was reset a moment ago.
_BROKEN = (RedisConnectionError, RuntimeError)

log = structlog.get_logger(__name__)


def connect(url: str, password: str | None) -> "Redis":
    """A client that tries once more when a connection breaks, as a restart breaks them all.

    Every command here may be sent twice: a rotation whose answer was lost is then a GRACE.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        password=password,
        decode_responses=True,
        max_connections=MAX_CONNECTIONS,
        timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        retry=Retry(NoBackoff(), 1, supported_errors=_BROKEN),  # type: ignore[arg-type]  # any will do
    )
    return Redis.from_pool(pool)


class SessionStore:
    """Every method raises SessionsUnavailable when Redis does not do as it is told.

    A rotation is timed by Redis's clock, since those of replicas may differ; tests give `now_ms`.
    """

    def __init__(self, redis: "Redis", now_ms: Callable[[], int | str] = lambda: "") -> None:
        self._redis = redis
        self._now_ms = now_ms
        self._rotate = redis.register_script(
            files("auth_service.sessions").joinpath("rotate.lua").read_text(encoding="utf-8")
        )
        self._end = redis.register_script(END)

    async def add(self, session: Session, most: int) -> list[UUID]:
        """Keep a new session; the oldest above `most` of its user, which have to end."""
        index = f"user_sessions:{session.user_id}"
        async with available():
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.hset(_key(session.id), mapping=_fields(session))
            pipeline.pexpireat(
                _key(session.id), min(session.expires_ms, session.seen_ms + IDLE_SECONDS * 1000)
            )
            pipeline.zadd(index, {str(session.id): session.created_ms})
            pipeline.pexpireat(index, session.expires_ms)
            pipeline.zrange(index, 0, -1)
            members = (await pipeline.execute())[-1]
            return await self._surplus(index, members, most) if len(members) > most else []

    async def _surplus(self, index: str, members: Sequence[str], most: int) -> list[UUID]:
        """The oldest above `most` of `members`; those that ran out leave the index."""
        pipeline = self._redis.pipeline(transaction=False)
        for member in members:
            pipeline.exists(_key(UUID(member)))
        there = await pipeline.execute()
        alive = [member for member, is_there in zip(members, there, strict=True) if is_there]
        if gone := {*members} - {*alive}:
            await self._redis.zrem(index, *gone)
        return [UUID(member) for member in alive[:-most]]

    async def find(self, session_id: UUID) -> Session | None:
        """The session, active or not; None when Redis does not have it."""
        async with available():
            fields = await self._redis.hgetall(_key(session_id))
        return _session(session_id, fields) if fields else None

    async def rotate(
        self, session_id: UUID, generation: int, interval_ms: int
    ) -> tuple[Outcome, int, int]:
        """Decide about a refresh token in one atomic step: outcome, generation, rotated_ms."""
        arguments = [generation, self._now_ms(), interval_ms, IDLE_SECONDS * 1000]
        async with available():
            outcome, current, rotated_ms = await self._rotate([_key(session_id)], arguments)
        return Outcome(outcome), int(current), int(rotated_ms)

    async def end(self, session_id: UUID, user_id: UUID) -> None:
        """Mark the session as revoked, so that its tokens are told why; never makes one."""
        async with available():
            await self._end_those(user_id, [session_id])

    async def of_user(self, user_id: UUID) -> list[Session]:
        """The sessions of a user that Redis has, the latest first."""
        async with available():
            ids = (await self._index(user_id))[::-1]
            pipeline = self._redis.pipeline(transaction=False)
            for session_id in ids:
                pipeline.hgetall(_key(session_id))
            found = await pipeline.execute()
        sessions = (_session(*pair) for pair in zip(ids, found, strict=True))
        return [session for session in sessions if session is not None]

    async def end_all(self, user_id: UUID, version: int = EVERY) -> None:
        """Mark every session of a user from before the auth version `version` as revoked."""
        async with available():
            await self._end_those(user_id, await self._index(user_id), version)

    async def _end_those(self, user_id: UUID, ids: Sequence[UUID], version: int = EVERY) -> None:
        keys = [f"user_sessions:{user_id}", *map(_key, ids)]
        await self._end(keys, [ENDED_SECONDS * 1000, version, *map(str, ids)])

    async def announce_successor(self, session_id: UUID, milliseconds: int) -> None:
        """Remember for a while that another session is about to take the place of this one."""
        async with available():
            await self._redis.set(_replaced(session_id), 1, px=milliseconds)

    async def is_replaced(self, session_id: UUID) -> bool:
        """Whether it had a successor a while ago."""
        async with available():
            return bool(await self._redis.exists(_replaced(session_id)))

    async def _index(self, user_id: UUID) -> list[UUID]:
        """The ids of a user's sessions, the oldest first."""
        members = await self._redis.zrange(f"user_sessions:{user_id}", 0, -1)
        return [UUID(str(member)) for member in members]

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


@asynccontextmanager
async def available() -> AsyncIterator[None]:
    """Raises SessionsUnavailable for what can be wrong with Redis, after two seconds at most."""
    try:
        async with asyncio.timeout(at_most(TOGETHER_SECONDS)):
            yield
    except (RedisError, *_BROKEN, OSError, TimeoutError) as error:
        reason = type(error).__name__
        log.warning("sessions_unavailable", reason=reason)
        raise SessionsUnavailable(retry_after=2, cause=f"redis sessions: {reason}") from error


def _key(session_id: UUID) -> str:
    return f"session:{session_id}"


def _replaced(session_id: UUID) -> str:
    return f"{_key(session_id)}:replaced"


def _fields(session: Session) -> dict[Any, Any]:
    return {
        "user": str(session.user_id),
        "ver": session.ver,
        "generation": session.generation,
        "rotated_ms": session.rotated_ms,
        "secret": base64url(session.secret),
        "expires_ms": session.expires_ms,
        "auth_time": session.auth_time,
        "created_ms": session.created_ms,
        "seen_ms": session.seen_ms,
        "user_agent": session.user_agent or "",
        "ip": session.ip or "",
        "state": "active" if session.active else "revoked",
    }


def _session(session_id: UUID, fields: Mapping[Any, Any]) -> Session | None:
    """None for a hash that lost its fields: an expiry can fall between two commands."""
    if "secret" not in fields:
        return None
    return Session(
        id=session_id,
        user_id=UUID(fields["user"]),
        ver=int(fields["ver"]),
        generation=int(fields["generation"]),
        rotated_ms=int(fields["rotated_ms"]),
        secret=base64url_decode(fields["secret"]),
        expires_ms=int(fields["expires_ms"]),
        auth_time=int(fields["auth_time"]),
        created_ms=int(fields["created_ms"]),
        seen_ms=int(fields["seen_ms"]),
        user_agent=fields["user_agent"] or None,
        ip=fields["ip"] or None,
        active=fields["state"] == "active",
    )
