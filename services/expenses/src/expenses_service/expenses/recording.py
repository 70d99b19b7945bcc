"""Records new expenses by one statement, if nothing stands against them: the fast path of create.

The statement commits by itself: one round trip in place of eight. It never refuses. What it leaves
out goes the long way, by the transaction of `service.create`, which tells why: a category that is
not open, a key that is known or at work, an external id that is taken, a user without a row.

It must not miss what was committed between its snapshot and its lock of the user's row:

- a change of categories has moved `category_changes`, which the update of the row looks at again
  after it has waited for the lock;
- an answer to the same key, or an expense of the same external id, is in the way of its own, and a
  unique violation undoes all of it.

One expense has a statement of its own, which costs Postgres less than the one for several.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct, json

from expenses_service.categories.rules import USUAL
from expenses_service.changes.statements import NEW_ROWS, NEW_ROWS_INPUT, ROW
from expenses_service.direct import Direct
from expenses_service.expenses.models import Expense
from expenses_service.idempotency.models import Answer, KeyedRequest
from expenses_service.idempotency.rules import lock_number

# $1 user, $2 an array of one row; $3 its category, $4 whether that is one of the usual set;
# $5 the lock of the key or null, $6-$9 the keyed request, $10-$14 its answer.
_ONE: Final = f"""
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
SELECT id FROM added
"""  # noqa: S608 - of constants

# $1 user, $2 an array of rows; $3-$11 for each row what $5-$13 are above, as arrays; $12 now, $13
# the usual categories. Rows that pass are numbered anew. No two of them have the same key or the
# same external id. Scalar subqueries, since a join might read all the keys of the user.
_MANY: Final = f"""
WITH input AS MATERIALIZED (
  SELECT d.*, r.*, row_number() OVER (ORDER BY d.place) AS ord
  FROM ROWS FROM (
      jsonb_array_elements($2::jsonb),
      unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::smallint[],
        $9::bytea[], $10::text[], $11::text[])) WITH ORDINALITY
    AS d (image, lock, method, path, key, fingerprint, status, body, etag, location, place),
    {ROW}
  WHERE coalesce(
      (SELECT NOT (c.archived OR c.deleted) FROM categories AS c
        WHERE c.user_id = $1::uuid AND c.slug = r.category),
      r.category = ANY ($13::text[]))
    AND (SELECT true FROM expenses AS e
      WHERE (e.user_id, e.source, e.external_id) = ($1::uuid, r.source, r.external_id)) IS NULL
    AND (d.lock IS NULL OR pg_try_advisory_xact_lock(d.lock)
      AND (SELECT true FROM idempotency AS k
        WHERE (k.user_id, k.method, k.path, k.key) = ($1::uuid, d.method, d.path, d.key)) IS NULL)),
before AS MATERIALIZED (
  SELECT category_changes, (SELECT count(*) FROM input) AS n FROM user_state
  WHERE user_id = $1::uuid),
bump AS (
  UPDATE user_state AS s SET seq = s.seq + b.n
  FROM before AS b
  WHERE s.user_id = $1::uuid AND s.category_changes = b.category_changes AND b.n > 0
  RETURNING s.seq, s.seq - b.n AS base),
{NEW_ROWS},
kept AS (
  INSERT INTO idempotency
    (user_id, method, path, key, fingerprint, status, body, etag, location, created_at)
  SELECT $1::uuid, i.method, i.path, i.key, i.fingerprint, i.status, i.body, i.etag, i.location,
    $12::timestamptz
  FROM input AS i, bump WHERE i.lock IS NOT NULL)
SELECT id FROM added
"""  # noqa: S608 - of constants

_USUAL: Final = list(USUAL)
_REFUSALS: Final = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)


class New(Struct, frozen=True):
    """An expense to record, and the answer to keep under its key if the request has one."""

    expense: Expense
    request: KeyedRequest | None
    answer: Answer

    def names(self) -> set[object]:
        """What no other in the same statement may have: its key, its external id."""
        names: set[object] = set()
        if self.request is not None:
            names.add(self.request.key)
        if self.expense.external_id is not None:
            names.add((self.expense.source, self.expense.external_id))
        return names

    def kept(self) -> tuple[object, ...]:
        """The lock, the scope and the fingerprint of the request, and the answer."""
        answer = self.answer
        values = (answer.status, answer.body, answer.etag, answer.location)
        request = self.request
        if request is None:
            return (None, None, None, None, None, *values)
        scope = (request.method, request.path, request.key, request.fingerprint)
        return (lock_number(request), *scope, *values)


async def record(direct: Direct, user_id: UUID, news: Sequence[New]) -> AbstractSet[UUID]:
    """The ids of those that are recorded now; no two have a name in common. Raises Unavailable."""
    if not news:
        return frozenset()
    rows = json.encode([new.expense for new in news]).decode()
    now = datetime.now(UTC)
    try:
        if len(news) == 1:
            [new] = news
            category = new.expense.category
            usual = category in USUAL
            done = await direct.fetch(_ONE, user_id, rows, category, usual, *new.kept(), now)
        else:
            columns = zip(*(new.kept() for new in news), strict=True)
            done = await direct.fetch(_MANY, user_id, rows, *columns, now, _USUAL)
    except _REFUSALS:  # of one of them: each finds out by itself
        return frozenset()
    return {row["id"] for row in done}
