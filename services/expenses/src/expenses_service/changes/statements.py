"""The SQL of every write of an expense: one statement for 1 row or 1000 (PostgreSQL 18).

Parameters are `$1` the user and `$2` a JSON array of whole rows as they shall be. All three need
the user's row to be locked by the same transaction first, so that what they read is current. They
take the next numbers of the user's sequence, write the rows, append the change log and move
the rollups. Every parameter is cast: an untyped one is a plan that guesses.
"""

from typing import Final

LOCK_USER: Final = """
SELECT seq FROM user_state WHERE user_id = $1::uuid FOR UPDATE
"""

ADD_USER: Final = """
INSERT INTO user_state (user_id) VALUES ($1::uuid) ON CONFLICT (user_id) DO NOTHING
"""

ROW: Final = """jsonb_to_record(d.image) AS r (
      id uuid, kind text, amount bigint, currency text, spent_on date, description text,
      merchant text, category text, tags text[], payment_method text, notes text, metadata jsonb,
      source text, external_id text, version integer, created_at timestamptz,
      updated_at timestamptz)"""
"""What is in the `image` of a new row."""

NEW_ROWS_INPUT: Final = f"""input AS MATERIALIZED (
  SELECT d.ord, d.image, r.*
  FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS d (image, ord),
    {ROW})"""  # noqa: S608 - of constants

NEW_ROWS: Final = """added AS (
  INSERT INTO expenses (
    id, user_id, kind, amount, currency, spent_on, description, merchant, category, tags,
    payment_method, notes, metadata, source, external_id, version, created_at, updated_at)
  SELECT i.id, $1::uuid, i.kind, i.amount, i.currency, i.spent_on, i.description, i.merchant,
    i.category, i.tags, i.payment_method, i.notes, i.metadata, i.source, i.external_id, i.version,
    i.created_at, i.updated_at
  FROM input AS i, bump
  RETURNING id),
logged AS (
  INSERT INTO change_log (user_id, seq, expense_id, action, version, at, snapshot)
  SELECT $1::uuid, b.base + i.ord, i.id, 'created', i.version, i.updated_at, i.image
  FROM input AS i, bump AS b),
rolled AS (
  INSERT INTO rollups AS r (user_id, month, category, currency, kind, n, total)
  SELECT $1::uuid, date_trunc('month', i.spent_on)::date, i.category, i.currency, i.kind,
    count(*), sum(i.amount)
  FROM input AS i, bump
  GROUP BY 2, 3, 4, 5
  ORDER BY 2, 3, 4, 5
  ON CONFLICT (user_id, month, category, currency, kind)
  DO UPDATE SET n = r.n + excluded.n, total = r.total + excluded.total)"""
"""What becomes of `input` once `bump` has taken numbers, of which `base` is the one before."""

INSERT_EXPENSES: Final = f"""
WITH {NEW_ROWS_INPUT},
bump AS (
  UPDATE user_state AS s SET seq = s.seq + c.n
  FROM (SELECT count(*) AS n FROM input) AS c
  WHERE s.user_id = $1::uuid
  RETURNING s.seq, s.seq - c.n AS base),
{NEW_ROWS}
SELECT b.seq, (SELECT count(*) FROM added) AS written FROM bump AS b
"""  # noqa: S608 - of constants

# By the array the key is the way to the rows, whatever Postgres knows of the table: right after a
# large import of a first user a join alone reads all of it.
UPDATE_EXPENSES: Final = """
WITH input AS MATERIALIZED (
  SELECT d.ord, d.change ->> 'action' AS action, d.change -> 'row' AS image, r.*
  FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS d (change, ord),
    jsonb_to_record(d.change -> 'row') AS r (
      id uuid, kind text, amount bigint, currency text, spent_on date, description text,
      merchant text, category text, tags text[], payment_method text, notes text, metadata jsonb,
      source text, external_id text, version integer, updated_at timestamptz,
      deleted_at timestamptz)),
changed AS (
  UPDATE expenses AS e SET (
    kind, amount, currency, spent_on, description, merchant, category, tags, payment_method,
    notes, metadata, source, external_id, version, updated_at, deleted_at)
  = (
    i.kind, i.amount, i.currency, i.spent_on, i.description, i.merchant, i.category, i.tags,
    i.payment_method, i.notes, i.metadata, i.source, i.external_id, i.version, i.updated_at,
    i.deleted_at)
  FROM input AS i
  WHERE e.id = ANY (ARRAY(SELECT id FROM input))
    AND e.id = i.id AND e.user_id = $1::uuid AND e.version = i.version - 1
  RETURNING i.ord, i.action, i.image, new.id, new.version, new.updated_at,
    date_trunc('month', old.spent_on)::date AS old_month, old.category AS old_category,
    old.currency AS old_currency, old.kind AS old_kind, old.amount AS old_amount,
    old.deleted_at IS NULL AS old_live,
    date_trunc('month', new.spent_on)::date AS new_month, new.category AS new_category,
    new.currency AS new_currency, new.kind AS new_kind, new.amount AS new_amount,
    new.deleted_at IS NULL AS new_live),
bump AS (
  UPDATE user_state AS s SET seq = s.seq + c.n
  FROM (SELECT count(*) AS n FROM changed) AS c
  WHERE s.user_id = $1::uuid
  RETURNING s.seq, s.seq - c.n AS base, c.n),
logged AS (
  INSERT INTO change_log (user_id, seq, expense_id, action, version, at, snapshot)
  SELECT $1::uuid, b.base + row_number() OVER (ORDER BY c.ord), c.id, c.action, c.version,
    c.updated_at, c.image
  FROM changed AS c, bump AS b),
delta AS (
  SELECT month, category, currency, kind, sum(n) AS n, sum(total) AS total
  FROM (
    SELECT old_month AS month, old_category AS category, old_currency AS currency,
      old_kind AS kind, -1 AS n, -old_amount AS total
    FROM changed WHERE old_live
    UNION ALL
    SELECT new_month, new_category, new_currency, new_kind, 1, new_amount
    FROM changed WHERE new_live) AS d
  GROUP BY month, category, currency, kind
  HAVING sum(n) <> 0 OR sum(total) <> 0),
rolled AS (
  INSERT INTO rollups AS r (user_id, month, category, currency, kind, n, total)
  SELECT $1::uuid, d.month, d.category, d.currency, d.kind, d.n, d.total
  FROM delta AS d, bump
  ORDER BY d.month, d.category, d.currency, d.kind
  ON CONFLICT (user_id, month, category, currency, kind)
  DO UPDATE SET n = r.n + excluded.n, total = r.total + excluded.total)
SELECT b.seq, b.n AS written FROM bump AS b
"""

# Any mixture, each row several times: the row takes its last image, the log gets all of them. One
# change costs 12 % more than by the statement above, one new row twice as much as by its own.
WRITE_EXPENSES: Final = """
WITH input AS MATERIALIZED (
  SELECT d.ord, d.change ->> 'action' AS action, d.change -> 'row' AS image, r.*,
    r.version - count(*) OVER (PARTITION BY r.id) AS base,
    r.version = max(r.version) OVER (PARTITION BY r.id) AS last
  FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS d (change, ord),
    jsonb_to_record(d.change -> 'row') AS r (
      id uuid, kind text, amount bigint, currency text, spent_on date, description text,
      merchant text, category text, tags text[], payment_method text, notes text, metadata jsonb,
      source text, external_id text, version integer, created_at timestamptz,
      updated_at timestamptz, deleted_at timestamptz)),
changed AS (
  UPDATE expenses AS e SET (
    kind, amount, currency, spent_on, description, merchant, category, tags, payment_method,
    notes, metadata, source, external_id, version, updated_at, deleted_at)
  = (
    i.kind, i.amount, i.currency, i.spent_on, i.description, i.merchant, i.category, i.tags,
    i.payment_method, i.notes, i.metadata, i.source, i.external_id, i.version, i.updated_at,
    i.deleted_at)
  FROM input AS i
  WHERE i.last AND e.id = i.id AND e.user_id = $1::uuid AND e.version = i.base
  RETURNING
    date_trunc('month', old.spent_on)::date AS old_month, old.category AS old_category,
    old.currency AS old_currency, old.kind AS old_kind, old.amount AS old_amount,
    old.deleted_at IS NULL AS old_live,
    date_trunc('month', new.spent_on)::date AS new_month, new.category AS new_category,
    new.currency AS new_currency, new.kind AS new_kind, new.amount AS new_amount,
    new.deleted_at IS NULL AS new_live),
added AS (
  INSERT INTO expenses (
    id, user_id, kind, amount, currency, spent_on, description, merchant, category, tags,
    payment_method, notes, metadata, source, external_id, version, created_at, updated_at,
    deleted_at)
  SELECT i.id, $1::uuid, i.kind, i.amount, i.currency, i.spent_on, i.description, i.merchant,
    i.category, i.tags, i.payment_method, i.notes, i.metadata, i.source, i.external_id, i.version,
    i.created_at, i.updated_at, i.deleted_at
  FROM input AS i WHERE i.last AND i.base = 0
  RETURNING date_trunc('month', spent_on)::date AS month, category, currency, kind, amount,
    deleted_at IS NULL AS live),
bump AS (
  UPDATE user_state AS s SET seq = s.seq + c.n
  FROM (SELECT count(*) AS n FROM input) AS c
  WHERE s.user_id = $1::uuid
  RETURNING s.seq, s.seq - c.n AS base),
logged AS (
  INSERT INTO change_log (user_id, seq, expense_id, action, version, at, snapshot)
  SELECT $1::uuid, b.base + i.ord, i.id, i.action, i.version, i.updated_at, i.image
  FROM input AS i, bump AS b),
delta AS (
  SELECT month, category, currency, kind, sum(n) AS n, sum(total) AS total
  FROM (
    SELECT old_month AS month, old_category AS category, old_currency AS currency,
      old_kind AS kind, -1 AS n, -old_amount AS total
    FROM changed WHERE old_live
    UNION ALL
    SELECT new_month, new_category, new_currency, new_kind, 1, new_amount
    FROM changed WHERE new_live
    UNION ALL
    SELECT month, category, currency, kind, 1, amount FROM added WHERE live) AS d
  GROUP BY month, category, currency, kind
  HAVING sum(n) <> 0 OR sum(total) <> 0),
rolled AS (
  INSERT INTO rollups AS r (user_id, month, category, currency, kind, n, total)
  SELECT $1::uuid, d.month, d.category, d.currency, d.kind, d.n, d.total
  FROM delta AS d, bump
  ORDER BY d.month, d.category, d.currency, d.kind
  ON CONFLICT (user_id, month, category, currency, kind)
  DO UPDATE SET n = r.n + excluded.n, total = r.total + excluded.total)
SELECT b.seq, (SELECT count(*) FROM changed) + (SELECT count(*) FROM added) AS written
FROM bump AS b
"""

# The unique index looks at each row as it is written: a name that goes from one row to another in
# the same statement must be free before.
FREE_EXTERNAL_IDS: Final = """
UPDATE expenses SET source = NULL, external_id = NULL
WHERE user_id = $1::uuid AND id = ANY ($2::uuid[])
"""

# Moves live expenses to another category without their crossing the wire, at most $5 at a time. The
# rollups know the months to look in: the rows of a month are found by the index of lists. Under the
# user's lock a row stays in its place; by its id Postgres may compare each with all of the table.
MOVE_CATEGORY: Final = """
WITH chosen AS MATERIALIZED (
  SELECT e.ctid AS place
  FROM (
    SELECT DISTINCT month FROM rollups
    WHERE user_id = $1::uuid AND category = $2::text AND n <> 0) AS m
  JOIN expenses AS e ON e.user_id = $1::uuid AND e.deleted_at IS NULL AND e.category = $2::text
    AND e.spent_on >= m.month AND e.spent_on < m.month + interval '1 month'
  LIMIT $5::bigint),
changed AS (
  UPDATE expenses AS e
  SET category = $3::text, version = e.version + 1, updated_at = $4::timestamptz
  FROM chosen AS c
  WHERE e.ctid = c.place
  RETURNING new.id, new.version, date_trunc('month', new.spent_on)::date AS month, new.currency,
    new.kind, new.amount, to_jsonb(new) - 'user_id' AS image),
bump AS (
  UPDATE user_state AS s SET seq = s.seq + c.n
  FROM (SELECT count(*) AS n FROM changed) AS c
  WHERE s.user_id = $1::uuid
  RETURNING s.seq, s.seq - c.n AS base, c.n),
logged AS (
  INSERT INTO change_log (user_id, seq, expense_id, action, version, at, snapshot)
  SELECT $1::uuid, b.base + row_number() OVER (ORDER BY c.id), c.id, 'updated', c.version,
    $4::timestamptz, c.image
  FROM changed AS c, bump AS b),
rolled AS (
  INSERT INTO rollups AS r (user_id, month, category, currency, kind, n, total)
  SELECT $1::uuid, c.month, d.category, c.currency, c.kind, sum(d.sign), sum(d.sign * c.amount)
  FROM changed AS c, bump, (VALUES ($2::text, -1), ($3::text, 1)) AS d (category, sign)
  GROUP BY 2, 3, 4, 5
  ORDER BY 2, 3, 4, 5
  ON CONFLICT (user_id, month, category, currency, kind)
  DO UPDATE SET n = r.n + excluded.n, total = r.total + excluded.total)
SELECT b.n AS written FROM bump AS b
"""
