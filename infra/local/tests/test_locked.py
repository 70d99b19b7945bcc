"""Why a migration failed, from what it has left."""

from pathlib import Path

import pytest

from infra.local import locked
from infra.local.parts import Place

FAILED = """\
INFO: Will assume transactional DDL.
Traceback (most recent call last):
asyncpg.exceptions.UniqueViolationError: could not create unique index "users_email"
DETAIL:  Key (email)=(ada@example.com) is duplicated.

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "env.py", line 1, in <module>
{error}
DETAIL:  Key (email)=(ada@example.com) is duplicated.
HINT: Ask ada@example.com.
CONTEXT:  of ada@example.com
[SQL: CREATE UNIQUE INDEX CONCURRENTLY users_email ON auth.users (email)]
"""


@pytest.mark.parametrize("error", [
    "sqlalchemy.exc.IntegrityError: <class 'UniqueViolationError'>: could not create unique index",
    "psycopg.errors.UniqueViolation: could not create unique index",
    "ConnectionRefusedError: [Errno 111] Connect call failed",
    "TimeoutError",
])  # fmt: skip
def test_the_error_is_told_and_no_row_that_postgres_names(tmp_path: Path, error: str) -> None:
    log = tmp_path / "migrate.log"
    log.write_text(FAILED.format(error=error))
    said = locked.sentence(Place(tmp_path, {}), "auth", "auth", log)
    assert said == f"The migration of auth failed: {error}\nAll of it: {log}"


@pytest.mark.parametrize(("left", "why"), [("FAILED: no such revision\n", "FAILED: no such revision"),
                                           ("\n", "it said nothing")])  # fmt: skip
def test_without_an_error_its_last_line_is_told(tmp_path: Path, left: str, why: str) -> None:
    log = tmp_path / "migrate.log"
    log.write_text(left)
    said = locked.sentence(Place(tmp_path, {}), "auth", "auth", log)
    assert said == f"The migration of auth failed: {why}\nAll of it: {log}"
