"""Records a new expense by one statement, if nothing stands against it: the fast path of create.

The statement commits by itself: one round trip in place of eight. It never refuses. Where it does
nothing, the transaction of `service.create` goes the long way and tells why: a category that is not
open, a key that is known or at work, an external id that is taken, a user without a row.

It must not miss what was committed between its snapshot and its lock of the user's row:

- a change of categories has moved `category_changes`, which the update of the row looks at again
  after it has waited for the lock;
- an answer to the same key is in the way of its own, and a unique violation undoes all of it.
"""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import json

from expenses_service.categories.rules import USUAL
from expenses_service.changes.statements import NEW_ROWS, NEW_ROWS_INPUT
from expenses_service.direct import Direct
from expenses_service.expenses.models import Expense
from expenses_service.idempotency.models import Answer, KeyedRequest
from expenses_service.idempotency.rules import lock_number

# $1 user, $2 an array of one row; $3 its category, $4 whether that is one of the usual set;
# $5 the lock of the key or null, $6-$9 the keyed request, $10-$14 its answer.
_RECORD: Final = f"""
WITH {NEW_ROWS_INPUT},
before AS MATERIALIZED (
  SELECT s.category_changes FROM user_state AS s
  WHERE s.user_id = $1::uuid
    AND coalesce(
      (SELECT NOT (c.archived OR c.deleted) FROM categories AS c
        WHERE c.user_id = $1::uuid AND c.slug = $3::text),
      $4::boolean)
    AND ($5::bigint IS NULL OR pg_try_advisory_xact_lock($5::bigint)
      AND NOT EXISTS (
        SELECT FROM idempotency
        WHERE (user_id, method, path, key) = ($1::uuid, $6::text, $7::text, $8::text)))),
bump AS (
  UPDATE user_state AS s SET seq = s.seq + 1
  FROM before AS b
  WHERE s.user_id = $1::uuid AND s.category_changes = b.category_changes
  RETURNING s.seq, s.seq - 1 AS base),
{NEW_ROWS},
kept AS (
  INSERT INTO idempotency
    (user_id, method, path, key, fingerprint, status, body, etag, location, created_at)
  SELECT $1::uuid, $6::text, $7::text, $8::text, $9::bytea, $10::smallint, $11::bytea, $12::text,
    $13::text, $14::timestamptz
  FROM bump WHERE $5::bigint IS NOT NULL)
SELECT seq FROM bump
"""  # noqa: S608 - of constants


async def recorded(
    direct: Direct, user_id: UUID, expense: Expense, request: KeyedRequest | None, answer: Answer
) -> bool:
    """Whether `expense` is recorded now, with `answer` kept under its key if it has one.

    Raises Unavailable.
    """
    key: tuple[object, ...] = (None,) * 5
    if request is not None:
        scope = (request.method, request.path, request.key)
        key = (lock_number(request), *scope, request.fingerprint)
    try:
        rows = await direct.fetch(
            _RECORD,
            user_id,
            json.encode([expense]).decode(),
            expense.category,
            expense.category in USUAL,
            *key,
            answer.status,
            answer.body,
            answer.etag,
            answer.location,
            datetime.now(UTC),
        )
    except asyncpg.UniqueViolationError:
        return False
    return bool(rows)
