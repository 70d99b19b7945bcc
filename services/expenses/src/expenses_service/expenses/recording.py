"""Records new expenses by one statement, if nothing stands against them: the fast path of create.

The statement commits by itself: one round trip in place of eight. It never refuses. What it leaves
out goes the long way, by the transaction of `service.create`, which tells why: a category that is
not open, a key that is known or at work, an external id that is taken, a user without a row.

It must not miss what was committed between its snapshot and its lock of the user's row:

- a change of categories has moved `category_changes`, which the update of the row looks at again
  after it has the lock;
- an answer to the same key, or an expense of the same external id, is in the way of its own, and a
  unique violation undoes all of it.

`record_free` waits for nobody's lock, so that many may wait for its end: a user whose row is locked
is left for `later`. For one expense it has a statement of its own, which costs Postgres less than
the one for several.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg
from msgspec import Struct, json

from expenses_service.categories.rules import USUAL
from expenses_service.changes.statements import NEW_ROWS, NEW_ROWS_INPUT, ROW
from expenses_service.direct import Direct
from expenses_service.expenses.documents import COLLECTION
from expenses_service.expenses.models import Expense
from expenses_service.idempotency.models import Answer, KeyedRequest
from expenses_service.idempotency.rules import lock_number

_USUAL: Final = ", ".join(f"'{slug}'" for slug in USUAL)
_SCOPE: Final = f"'POST', '{COLLECTION}'"
_ANSWER: Final = f"""201, i.body, format('"%s"', i.version), '{COLLECTION}/' || i.id"""

# $1 user, $2 an array of one row; $3 its category; $4 the lock of the key or null, $5 the key,
# $6 the request's fingerprint, $7 the body of the answer; $8 now.
_ONE: Final = f"""
WITH {NEW_ROWS_INPUT},
before AS MATERIALIZED (
  SELECT s.category_changes FROM user_state AS s
  WHERE s.user_id = $1::uuid
    AND coalesce(
      (SELECT NOT (c.archived OR c.deleted) FROM categories AS c
        WHERE c.user_id = $1::uuid AND c.slug = $3::text),
      $3::text IN ({_USUAL}))
    AND ($4::bigint IS NULL OR pg_try_advisory_xact_lock($4::bigint)
      AND NOT EXISTS (
        SELECT FROM idempotency
        WHERE (user_id, method, path, key) = ($1::uuid, {_SCOPE}, $5::text)))),
free AS MATERIALIZED (
  SELECT FROM user_state AS s
  WHERE s.user_id = $1::uuid AND EXISTS (SELECT FROM before)
  FOR NO KEY UPDATE SKIP LOCKED),
bump AS (
  UPDATE user_state AS s SET seq = s.seq + 1
  FROM before AS b, free
  WHERE s.user_id = $1::uuid AND s.category_changes = b.category_changes
  RETURNING s.seq, s.seq - 1 AS base),
{NEW_ROWS},
kept AS (
  INSERT INTO idempotency
    (user_id, method, path, key, fingerprint, status, body, etag, location, created_at)
  SELECT $1::uuid, {_SCOPE}, $5::text, $6::bytea, {_ANSWER}, $8::timestamptz
  FROM bump, (SELECT id, version, $7::bytea AS body FROM input) AS i
  WHERE $4::bigint IS NOT NULL)
SELECT id, true AS recorded FROM added
UNION ALL SELECT $1::uuid, false FROM before WHERE NOT EXISTS (SELECT FROM bump)
"""  # noqa: S608 - of constants

# $1 users, $2 an array of their rows; $3-$6 for each row what $4-$7 are above, as arrays; $7 now. A
# user's rows that pass are numbered anew. No two of a user have the same key or the same external
# id. Subqueries for each row, since a join might read all keys of a user, or all users.
_SEVERAL: Final = f"""
WITH input AS MATERIALIZED (
  SELECT d.*, r.*, row_number() OVER (PARTITION BY d.user_id ORDER BY d.place) AS ord
  FROM ROWS FROM (
      jsonb_array_elements($2::jsonb),
      unnest($1::uuid[], $3::bigint[], $4::text[], $5::bytea[], $6::bytea[])) WITH ORDINALITY
    AS d (image, user_id, lock, key, fingerprint, body, place),
    {ROW}
  WHERE coalesce(
      (SELECT NOT (c.archived OR c.deleted) FROM categories AS c
        WHERE c.user_id = d.user_id AND c.slug = r.category),
      r.category IN ({_USUAL}))
    AND (SELECT true FROM expenses AS e
      WHERE (e.user_id, e.source, e.external_id) = (d.user_id, r.source, r.external_id)) IS NULL
    AND (d.lock IS NULL OR pg_try_advisory_xact_lock(d.lock)
      AND (SELECT true FROM idempotency AS k WHERE
        (k.user_id, k.method, k.path, k.key) = (d.user_id, {_SCOPE}, d.key)) IS NULL)),
before AS MATERIALIZED (
  SELECT u.user_id, u.n, s.category_changes
  FROM (SELECT user_id, count(*) AS n FROM input GROUP BY user_id) AS u,
    LATERAL (SELECT category_changes FROM user_state WHERE user_id = u.user_id OFFSET 0) AS s),
free AS MATERIALIZED (
  SELECT s.user_id FROM user_state AS s
  WHERE s.user_id = ANY ($1::uuid[]) AND s.user_id IN (SELECT user_id FROM before)
  FOR NO KEY UPDATE OF s WAITING),
bump AS (
  UPDATE user_state AS s SET seq = s.seq + b.n
  FROM before AS b JOIN free USING (user_id)
  WHERE s.user_id = b.user_id AND s.user_id = ANY ($1::uuid[])
    AND s.category_changes = b.category_changes
  RETURNING s.user_id, s.seq - b.n AS base),
numbered AS MATERIALIZED (
  SELECT i.*, b.base + i.ord AS seq FROM input AS i JOIN bump AS b USING (user_id)),
added AS (
  INSERT INTO expenses (
    id, user_id, kind, amount, currency, spent_on, description, merchant, category, tags,
    payment_method, notes, metadata, source, external_id, version, created_at, updated_at)
  SELECT i.id, i.user_id, i.kind, i.amount, i.currency, i.spent_on, i.description, i.merchant,
    i.category, i.tags, i.payment_method, i.notes, i.metadata, i.source, i.external_id, i.version,
    i.created_at, i.updated_at
  FROM numbered AS i
  RETURNING id),
logged AS (
  INSERT INTO change_log (user_id, seq, expense_id, action, version, at, snapshot)
  SELECT i.user_id, i.seq, i.id, 'created', i.version, i.updated_at, i.image
  FROM numbered AS i),
rolled AS (
  INSERT INTO rollups AS r (user_id, month, category, currency, kind, n, total)
  SELECT i.user_id, date_trunc('month', i.spent_on)::date, i.category, i.currency, i.kind,
    count(*), sum(i.amount)
  FROM numbered AS i
  GROUP BY 1, 2, 3, 4, 5
  ORDER BY 1, 2, 3, 4, 5
  ON CONFLICT (user_id, month, category, currency, kind)
  DO UPDATE SET n = r.n + excluded.n, total = r.total + excluded.total),
kept AS (
  INSERT INTO idempotency
    (user_id, method, path, key, fingerprint, status, body, etag, location, created_at)
  SELECT i.user_id, {_SCOPE}, i.key, i.fingerprint, {_ANSWER}, $7::timestamptz
  FROM numbered AS i WHERE i.lock IS NOT NULL)
SELECT id, true AS recorded FROM added
UNION ALL
SELECT user_id, false FROM before WHERE user_id NOT IN (SELECT user_id FROM bump)
"""  # noqa: S608 - of constants
_OF_ONE_USER: Final = _SEVERAL.replace("WAITING", "")
_OF_ANY: Final = _SEVERAL.replace("WAITING", "SKIP LOCKED")

REFUSALS: Final = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)
"""By which Postgres undoes a statement for one of its rows."""


class New(Struct, frozen=True):
    """An expense to record, and the answer to keep under its key if the request has one.

    The request is a POST of all expenses, and the answer that of `documents.created`.
    """

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

    def kept(self) -> tuple[int | None, str | None, bytes | None, bytes]:
        """The lock, the key and the fingerprint of the request, and the body of the answer."""
        request, body = self.request, self.answer.body
        if request is None:
            return None, None, None, body
        return lock_number(request), request.key, request.fingerprint, body


class Outcome(NamedTuple):
    """What became of some new expenses: ids of those recorded, and users to be asked for later.

    The rows of these were locked, or their categories changed just then. All others stay out for a
    reason of their own.
    """

    recorded: AbstractSet[UUID]
    later: AbstractSet[UUID]


Sent = tuple[UUID, New]
"""A user's new expense."""


async def record(direct: Direct, user_id: UUID, news: Sequence[New]) -> AbstractSet[UUID]:
    """The ids of those that are recorded now; no two have a name in common.

    Waits for whoever has the user's row. Raises Unavailable.
    """
    if not news:
        return frozenset()
    try:
        outcome = await _several(direct, _OF_ONE_USER, [(user_id, new) for new in news])
    except REFUSALS:  # of one of them: each finds out by itself
        return frozenset()
    return outcome.recorded


async def record_free(direct: Direct, sent: Sequence[Sent]) -> Outcome:
    """Record for users whose rows nobody has; no two of a user have a name in common.

    Raises Unavailable, and for all of them what Postgres says against one: one of REFUSALS, as a
    rule.
    """
    if len(sent) > 1:
        return await _several(direct, _OF_ANY, sent)
    [(user_id, new)] = sent
    category, now = new.expense.category, datetime.now(UTC)
    rows = json.encode([new.expense]).decode()
    return _told(await direct.fetch(_ONE, user_id, rows, category, *new.kept(), now))


async def _several(direct: Direct, statement: str, sent: Sequence[Sent]) -> Outcome:
    users, news = zip(*sent, strict=True)
    rows = json.encode([new.expense for new in news]).decode()
    kept = zip(*(new.kept() for new in news), strict=True)
    return _told(await direct.fetch(statement, users, rows, *kept, datetime.now(UTC)))


def _told(rows: Sequence[asyncpg.Record]) -> Outcome:
    recorded: set[UUID] = set()
    later: set[UUID] = set()
    for id_, is_recorded in rows:
        (recorded if is_recorded else later).add(id_)
    return Outcome(recorded, later)
