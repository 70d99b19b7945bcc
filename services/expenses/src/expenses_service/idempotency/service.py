"""Runs an effect once for each key, in the caller's transaction."""

from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.idempotency import repository
from expenses_service.idempotency.errors import IdempotencyInProgress, IdempotencyKeyReused
from expenses_service.idempotency.models import Answer, KeyedRequest

RETRY_SECONDS: Final = 1


async def once(
    connection: AsyncConnection,
    request: KeyedRequest | None,
    effect: Callable[[], Awaitable[Answer]],
) -> Answer:
    """The answer of `effect`, or of the first request with this key; both commit together.

    The lock comes first and does not wait: a unique insert would block instead of answering. An
    effect that raises leaves no trace of its key.

    Raises:
        IdempotencyInProgress: another transaction holds the key.
        IdempotencyKeyReused: the first request asked for something else.

    """
    if request is None:
        return await effect()
    if not await repository.try_lock(connection, request):
        raise IdempotencyInProgress(retry_after=RETRY_SECONDS)
    kept = await repository.find(connection, request)
    if kept is None:
        answer = await effect()
        await repository.keep(connection, request, answer)
        return answer
    fingerprint, answer = kept
    if fingerprint != request.fingerprint:
        raise IdempotencyKeyReused
    return answer
