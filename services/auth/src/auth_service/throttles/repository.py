"""The buckets in Redis."""

import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING
from uuid import uuid4

from auth_service.sessions.repository import available
from auth_service.throttles.models import Bucket, Kind, Refusal, Ticket
from auth_service.throttles.rules import MEMORY_SECONDS, arguments

if TYPE_CHECKING:
    from redis.asyncio import Redis  # generic in its stubs, so that it stands in quotes below


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class ThrottleStore:
    """Every method raises SessionsUnavailable when Redis does not do as it is told."""

    def __init__(self, redis: "Redis", now_ms: Callable[[], int] = _now_ms) -> None:
        self._redis = redis
        self._now_ms = now_ms
        self._take = redis.register_script(
            files("auth_service.throttles").joinpath("take.lua").read_text(encoding="utf-8")
        )

    async def ask(self, buckets: Sequence[Bucket]) -> Refusal | None:
        """Whether an attempt would be refused now; nothing is counted."""
        return await self._decide(buckets, "")

    async def take(self, buckets: Sequence[Bucket]) -> Ticket | Refusal:
        """Count an attempt as failed, unless a bucket refuses it."""
        ticket = Ticket(uuid4().hex, tuple(buckets))
        return await self._decide(buckets, ticket.id) or ticket

    async def _decide(self, buckets: Sequence[Bucket], attempt: str) -> Refusal | None:
        keys = [bucket.key for bucket in buckets]
        values = [self._now_ms(), MEMORY_SECONDS * 1000, attempt, *arguments(buckets)]
        async with available():
            number, wait_ms = await self._take(keys, values)
        return Refusal(buckets[int(number) - 1], int(wait_ms)) if int(number) else None

    async def give_back(self, ticket: Ticket) -> None:
        """The attempt did not fail: out of the windows, and the delays begin anew."""
        async with available():
            pipeline = self._redis.pipeline(transaction=True)
            for bucket in ticket.buckets:
                if bucket.kind is Kind.WINDOW:
                    pipeline.zrem(bucket.key, ticket.id)
                else:
                    pipeline.delete(bucket.key)
            await pipeline.execute()
