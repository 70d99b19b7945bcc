"""Keeps answers by user, method, path and key."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.idempotency.models import Answer, KeyedRequest
from expenses_service.idempotency.rules import KEPT, lock_number

_TRY_LOCK: Final = "SELECT pg_try_advisory_xact_lock($1::bigint)"

_FIND: Final = """
SELECT fingerprint, status, body, etag, location FROM idempotency
WHERE (user_id, method, path, key) = ($1::uuid, $2::text, $3::text, $4::text)
  AND created_at > $5::timestamptz
"""

_KEEP: Final = """
INSERT INTO idempotency
  (user_id, method, path, key, fingerprint, status, body, etag, location, created_at)
VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::bytea, $6::smallint, $7::bytea, $8::text,
  $9::text, $10::timestamptz)
ON CONFLICT (user_id, method, path, key) DO UPDATE SET
  fingerprint = excluded.fingerprint, status = excluded.status, body = excluded.body,
  etag = excluded.etag, location = excluded.location, created_at = excluded.created_at
"""

# Rows that a request is about to renew are passed over: it holds them, and they are old no more.
_FORGET: Final = """
DELETE FROM idempotency WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM idempotency WHERE created_at <= $1::timestamptz
  LIMIT $2::integer FOR UPDATE SKIP LOCKED))
"""


async def try_lock(connection: AsyncConnection, request: KeyedRequest) -> bool:
    """Take the key until the transaction ends; False at once when another transaction has it."""
    result = await connection.exec_driver_sql(_TRY_LOCK, (lock_number(request),))
    return bool(result.scalar_one())


async def find(connection: AsyncConnection, request: KeyedRequest) -> tuple[bytes, Answer] | None:
    """The fingerprint and the answer of the first request with this key, for as long as kept."""
    oldest = datetime.now(UTC) - KEPT
    scope = (request.user_id, request.method, request.path, request.key, oldest)
    row = (await connection.exec_driver_sql(_FIND, scope)).one_or_none()
    if row is None:
        return None
    answer = Answer(row.status, row.body, row.etag, row.location, replayed=True)
    return row.fingerprint, answer


async def keep(connection: AsyncConnection, request: KeyedRequest, answer: Answer) -> None:
    """Keep `answer` in place of one that is too old; the caller holds the key's lock."""
    row = (
        request.user_id,
        request.method,
        request.path,
        request.key,
        request.fingerprint,
        answer.status,
        answer.body,
        answer.etag,
        answer.location,
        datetime.now(UTC),
    )
    await connection.exec_driver_sql(_KEEP, row)


async def forget_old(connection: AsyncConnection, now: datetime, limit: int) -> int:
    """Delete at most `limit` answers that `find` gives no more; how many there were."""
    return (await connection.exec_driver_sql(_FORGET, (now - KEPT, limit))).rowcount
