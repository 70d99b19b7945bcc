"""Fills a database with expenses that look like real ones, all of the same length as JSON.

They are made by Postgres itself, a hundred thousand at a time, without the list's and the words'
indexes, which are made anew at the end: 10 M rows in minutes. Rollups and sequences fit the rows. The
change log stays empty: no row of the bench reads it.
"""

import sys
import time
from collections.abc import Sequence
from uuid import UUID

from bench.database import Database

AT_ONCE = 100_000

# $user, $first, $last: rows of two years, one after the other, as `created_at` and the ids tell too.
_ROWS = """
INSERT INTO expenses (id, user_id, kind, amount, currency, spent_on, description, merchant, category,
  tags, payment_method, notes, version, created_at, updated_at)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
    || lpad(to_hex(n % 4096), 3, '0') || '8' || substr(md5(u.id::text || n), 1, 15))::uuid,
  u.id, 'expense', 1000 + n * 7919 % 9000, 'EUR', at::date, 'Something bought at ' || lpad(n::text, 8, '0'),
  'Corner Market', (ARRAY['travel', 'health'])[1 + n % 2], ARRAY['team', 'home'], 'card',
  'paid together, to be shared', 1, at, at
FROM unnest({users}::uuid[]) AS u (id), generate_series({first}::bigint, {last}::bigint) AS n,
  LATERAL (SELECT date_trunc('day', now()) - interval '2 days' + interval '0.123456 seconds'
    - date_trunc('second', ({total} - n) * interval '700 days' / {total})) AS t (at)
ORDER BY n
"""
_SUMS = """
INSERT INTO rollups (user_id, month, category, currency, kind, n, total)
SELECT user_id, date_trunc('month', spent_on)::date, category, currency, kind, count(*), sum(amount)
FROM expenses WHERE user_id = ANY ({users}::uuid[]) GROUP BY 1, 2, 3, 4, 5
"""
_STATES = """
INSERT INTO user_state (user_id, seq) SELECT unnest({users}::uuid[]), {total}
ON CONFLICT (user_id) DO UPDATE SET seq = excluded.seq
"""
_INDEXES = """
SELECT indexdef FROM pg_indexes WHERE schemaname = 'expenses' AND tablename = 'expenses'
  AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""
_DROP = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT indexname FROM pg_indexes WHERE schemaname = 'expenses' AND tablename = 'expenses'
    AND indexname NOT IN (SELECT conname FROM pg_constraint)
  LOOP EXECUTE format('DROP INDEX expenses.%I', name); END LOOP;
END $$
"""


def seed(database: Database, users: Sequence[UUID], each: int, *, bulk: bool = False) -> None:
    """`each` expenses for each of the users, who have none yet; says how far it is."""
    names = f"'{{{','.join(map(str, users))}}}'"
    indexes = database.run(_INDEXES).splitlines() if bulk else []
    if bulk:
        database.run(_DROP)
    total = each * len(users)
    step = max(1, AT_ONCE // len(users))
    for first in range(1, each + 1, step):
        last = min(each, first + step - 1)
        database.run(_ROWS.format(users=names, first=first, last=last, total=each))
        if last < each:
            progress(database.name, last * len(users), total)
    for number, index in enumerate(indexes):
        if total > AT_ONCE:
            progress(database.name, total, total, f"index {number + 1} of {len(indexes)}")
        database.run(f"SET maintenance_work_mem = '512MB'; {index}")
    database.run(_SUMS.format(users=names))
    database.run(_STATES.format(users=names, total=each))
    database.run("VACUUM (ANALYZE) expenses; ANALYZE rollups; ANALYZE user_state")
    progress(database.name, total, total, "ready")


def progress(name: str, done: int, total: int, step: str = "") -> None:
    """A line that is written over on a terminal, and a line each elsewhere."""
    end = "\r" if sys.stderr.isatty() and step != "ready" else "\n"
    share = f"{100 * done / total:3.0f} %"
    print(f"  {time.strftime('%H:%M:%S')} {name}: {done:,} expenses, {share} {step:20}", end=end,
          file=sys.stderr, flush=True)  # fmt: skip
