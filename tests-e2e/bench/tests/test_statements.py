import re

import pytest

from bench.statements import DATE, ID, KEY, LOCK, USER, Statement, read_of, script, sessions, transaction_of
from infra.local.failure import Failure

VALUE = """{"id": "new", "notes": "it's, $3 = 'x'"}"""
# As PostgreSQL 18 writes it: continued lines begin with a tab, and quotes within a value are doubled.
LOG = """bench:7:postgres LOG:  statement: SELECT pg_reload_conf()
bench:11:app LOG:  statement: BEGIN;
bench:12:app LOG:  execute __asyncpg_stmt_1__: SELECT seq FROM user_state WHERE user_id = $1
bench:12:app DETAIL:  Parameters: $1 = 'ada'
bench:11:app LOG:  execute __asyncpg_stmt_7__: SELECT pg_try_advisory_xact_lock($1::bigint)
bench:11:app DETAIL:  Parameters: $1 = '-6316868046962176381'
bench:11:app LOG:  execute __asyncpg_stmt_8__:\x20
\tWITH input AS (SELECT $2::jsonb)
\tINSERT INTO expenses (id)
\tSELECT $1::uuid FROM input
bench:11:app DETAIL:  Parameters: $1 = 'ada', $2 = '{"id": "new", "notes": "it''s, $3 = ''x''"}', $3 = NULL
bench:11:app LOG:  statement: COMMIT;
bench:11:app LOG:  statement: BEGIN;
bench:11:app LOG:  execute s: SELECT anon.id FROM (SELECT id FROM expenses WHERE day <= $1) AS anon
bench:11:app DETAIL:  Parameters: $1 = '2999-12-31'
bench:11:app LOG:  statement: ROLLBACK;
"""


def test_statements_are_those_of_the_role_by_session_in_order() -> None:
    first, second = sessions(LOG, "app")
    assert [statement.sql.split()[0] for statement in first] == [
        "BEGIN;", "SELECT", "WITH", "COMMIT;", "BEGIN;", "SELECT", "ROLLBACK;",
    ]  # fmt: skip
    assert second[0].parameters == ["ada"]


def test_a_parameter_is_read_with_its_quotes_and_null_is_none() -> None:
    insert = sessions(LOG, "app")[0][2]
    assert insert.parameters == ["ada", VALUE, None]
    assert (
        insert.sql
        == "WITH input AS (SELECT $2::jsonb)\nINSERT INTO expenses (id)\nSELECT $1::uuid FROM input"
    )


def test_a_transaction_is_all_from_its_begin_to_its_end() -> None:
    found = transaction_of(sessions(LOG, "app"), "expenses")
    assert [statement.sql.split()[0] for statement in found] == ["BEGIN;", "SELECT", "WITH", "COMMIT;"]


def test_a_statement_of_its_own_is_a_transaction() -> None:
    alone = Statement("INSERT INTO expenses SELECT $1", ["x"])
    others = [Statement("BEGIN"), Statement("SELECT 1"), Statement("COMMIT")]
    assert transaction_of([[*others, alone, *others]], "expenses") == [alone]


def test_the_query_is_the_one_that_reads_the_table() -> None:
    assert read_of(sessions(LOG, "app"), "expenses").sql.startswith("SELECT anon.id")


@pytest.mark.parametrize("find", [read_of, transaction_of])
def test_what_was_not_seen_is_said(find: object) -> None:
    assert callable(find)
    with pytest.raises(Failure, match="was not seen"):
        find(sessions(LOG, "app"), "rollups")


def test_what_differs_becomes_a_place() -> None:
    places = {"ada": USER, "new": ID, "2999-12-31": DATE}
    _, lock, insert, _, _, read, _ = (one.with_places(places) for one in sessions(LOG, "app")[0])
    assert lock.parameters == [LOCK]
    assert insert.parameters[0] == USER
    assert ID in str(insert.parameters[1])
    assert read.parameters == [DATE]


def test_a_script_for_pgbench_passes_parameters_and_makes_anew_what_is_used_once() -> None:
    statement = Statement(
        "INSERT INTO t\n  SELECT $1::uuid, $2::text, $10, $3", ["u", f"{KEY}", None, *"456789", "ten"]
    )
    text, variables = script([Statement("BEGIN;"), statement, Statement("SELECT f($1::bigint)", [LOCK])])
    lines = text.splitlines()
    assert re.fullmatch(r"\\set number random\(1, \d+\)", lines[0])
    assert lines[1] == "BEGIN;"
    made = f"replace(replace(:p1_2::text, '{ID}', uuidv7()::text), '{KEY}', :number::text)"
    assert lines[2] == f"INSERT INTO t SELECT :p1_1::uuid, {made}::text, :p1_10, NULL;"
    assert lines[3] == "SELECT f(:number::bigint);"
    assert variables["p1_1"] == "u"
    assert "p1_3" not in variables
