"""The SQL of an import (PostgreSQL 18). Where a statement has parameters, `$1` is the user.

All of it runs in one transaction. COPY brings the rows to `incoming`, which nobody else sees; then
the user's row is locked, `planned` says what becomes of each row, and the other statements do it.
"""

from typing import Final

from expenses_service.expenses.models import Expense
from expenses_service.transfer.checking import FIELDS, OPTIONAL, STAGED

COLUMNS: Final = ("line", *STAGED)

# `expenses` holds everybody's rows: few of them are looked up, and none are read from end to end.
SETTINGS: Final = """
SELECT set_config('statement_timeout', $1::text, true), set_config('work_mem', '32MB', true),
  set_config('enable_seqscan', 'off', true), set_config('random_page_cost', '1', true),
  set_config('timezone', 'UTC', true)
"""

STAGE: Final = """
CREATE TEMPORARY TABLE incoming (
  line integer NOT NULL, id uuid, given integer NOT NULL, kind text, amount bigint, currency text,
  spent_on date, description text, merchant text, category text, tags text[], payment_method text,
  notes text, metadata jsonb, source text, external_id text
) ON COMMIT DROP
"""

ANALYZE_STAGED: Final = "ANALYZE incoming (line, id, source, external_id, category)"
ANALYZE_PLANNED: Final = "ANALYZE planned"

CATEGORIES: Final = "SELECT DISTINCT category FROM incoming"


def _taken(name: str) -> str:
    """What an expense `e` has after row `i` in one field."""
    if name not in OPTIONAL:
        return f"i.{name}"
    return f"CASE WHEN i.given & {OPTIONAL[name]} <> 0 THEN i.{name} ELSE e.{name} END"


_PARTS: Final = {
    "fields": ", ".join(FIELDS),
    "incoming": ", ".join(f"i.{name}" for name in FIELDS),
    "present": ", ".join(f"e.{name}" for name in FIELDS),
    "taken": ", ".join(map(_taken, FIELDS)),
    "names_category": f"i.given & {OPTIONAL['category']} <> 0",
    "image": ", ".join(f"'{name}', e.{name}" for name in Expense.__struct_fields__),
}


def _filled(statement: str) -> str:
    return statement.format_map(_PARTS)


# A row's own id comes first, then its external id; an id of others is as if it were not there.
# `first` is the line that names the same expense before it. `$2` are the categories that take new
# expenses.
PLAN: Final = _filled("""
CREATE TEMPORARY TABLE planned ON COMMIT DROP AS
WITH matched AS (
  SELECT line,
    (SELECT e.id FROM expenses AS e WHERE e.id = i.id AND e.user_id = $1::uuid) AS own,
    (SELECT e.id FROM expenses AS e WHERE e.user_id = $1::uuid
      AND e.source = i.source AND e.external_id = i.external_id) AS named
  FROM incoming AS i),
found AS MATERIALIZED (SELECT *, coalesce(own, named) AS target FROM matched),
by_name AS (
  SELECT source, external_id, min(line) AS first FROM incoming
  WHERE external_id IS NOT NULL GROUP BY source, external_id HAVING count(*) > 1),
by_target AS (
  SELECT target, min(line) AS first FROM found
  WHERE target IS NOT NULL GROUP BY target HAVING count(*) > 1)
SELECT i.line, coalesce(e.id, uuidv7()) AS id, least(n.first, t.first) AS first,
  CASE
    WHEN e.id IS NULL THEN 'created'
    WHEN e.deleted_at IS NOT NULL THEN 'restored'
    WHEN ROW({taken}) IS DISTINCT FROM ROW({present}) THEN 'updated'
  END AS action,
  CASE
    WHEN f.own <> f.named THEN 'external_id_taken'
    WHEN least(n.first, t.first) < i.line THEN 'duplicate_row'
    WHEN i.category <> ALL ($2::text[])
      AND (e.id IS NULL OR {names_category} AND i.category <> e.category) THEN 'unknown_category'
  END AS refusal
FROM incoming AS i
JOIN found AS f USING (line)
LEFT JOIN LATERAL (SELECT * FROM expenses WHERE id = f.target LIMIT 1) AS e ON true
LEFT JOIN by_name AS n ON n.source = i.source AND n.external_id = i.external_id
LEFT JOIN by_target AS t ON t.target = f.target
""")

COUNT: Final = """
SELECT count(*) FILTER (WHERE action = 'created') AS created,
  count(*) FILTER (WHERE action IN ('updated', 'restored')) AS updated,
  count(*) FILTER (WHERE action IS NULL) AS unchanged
FROM planned WHERE refusal IS NULL
"""

REFUSED: Final = """
SELECT p.line, p.refusal, p.first, i.category, count(*) OVER () AS refused
FROM planned AS p JOIN incoming AS i USING (line)
WHERE p.refusal IS NOT NULL
ORDER BY p.line LIMIT $1::integer
"""

CATEGORIES_PLANNED: Final = """
SELECT DISTINCT i.category FROM planned AS p JOIN incoming AS i USING (line)
WHERE p.refusal IS NULL AND p.action IS NOT NULL
"""

CATEGORIES_USED: Final = """
SELECT DISTINCT e.category FROM planned AS p JOIN expenses AS e USING (id)
WHERE p.refusal IS NULL AND p.action IS NOT NULL
"""

# The log is written from the rows as they have become, and so are the sums; what a row gave to the
# sums before it changed is taken off first.
INSERT: Final = _filled("""
INSERT INTO expenses (id, user_id, {fields}, version, created_at, updated_at)
SELECT p.id, $1::uuid, {incoming}, 1, $2::timestamptz, $2::timestamptz
FROM planned AS p JOIN incoming AS i USING (line)
WHERE p.refusal IS NULL AND p.action = 'created'
ORDER BY p.line
""")

UPDATE: Final = _filled("""
UPDATE expenses AS e SET ({fields}, version, updated_at, deleted_at)
  = ROW({taken}, e.version + 1, $2::timestamptz, NULL)
FROM planned AS p JOIN incoming AS i USING (line)
WHERE e.id = p.id AND e.user_id = $1::uuid
  AND p.refusal IS NULL AND p.action IN ('updated', 'restored')
""")

_ROLL: Final = """
INSERT INTO rollups AS r (user_id, month, category, currency, kind, n, total)
SELECT $1::uuid, date_trunc('month', e.spent_on)::date, e.category, e.currency, e.kind,
  {sign}count(*), {sign}sum(e.amount)
FROM planned AS p JOIN expenses AS e USING (id)
WHERE p.refusal IS NULL AND p.action {actions}
GROUP BY 2, 3, 4, 5
ORDER BY 2, 3, 4, 5
ON CONFLICT (user_id, month, category, currency, kind)
DO UPDATE SET n = r.n + excluded.n, total = r.total + excluded.total
"""
SUBTRACT: Final = _ROLL.format(sign="-", actions="= 'updated'")
ADD: Final = _ROLL.format(sign="", actions="IS NOT NULL")

LOG: Final = _filled("""
WITH bump AS (
  UPDATE user_state SET seq = seq + $3::bigint
  WHERE user_id = $1::uuid
  RETURNING seq - $3::bigint AS base)
INSERT INTO change_log (user_id, seq, expense_id, action, version, at, snapshot)
SELECT $1::uuid, b.base + row_number() OVER (ORDER BY p.line), e.id, p.action, e.version,
  $2::timestamptz, jsonb_build_object({image})
FROM planned AS p JOIN expenses AS e USING (id), bump AS b
WHERE p.refusal IS NULL AND p.action IS NOT NULL
""")
