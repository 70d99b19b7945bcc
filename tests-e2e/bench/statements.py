"""The SQL that the running service sends, taken from Postgres's own log while it serves a request.

So it is the SQL of today, whatever the service's code looks like, and nothing of that code is
imported. Postgres logs each statement with its parameters as text; those that differ from request to
request are found by their values and become places to put new ones into.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.database import Database
from infra.local.failure import Failure
from infra.local.stack import Stack

MARK = "bench:"
USER, ID, KEY, LOCK, DATE = "@user@", "@id@", "@key@", "@lock@", "@date@"
"""Places in a parameter: a user, a new expense, an Idempotency-Key, an advisory lock's number, a day."""

_ENTRY = re.compile(
    rf"^{MARK}(?P<session>\d+):(?P<role>\w*) (?P<level>\w+):  (?P<text>.*(?:\n\t.*)*)", re.MULTILINE
)
_EXECUTED = re.compile(r"(?:execute [^:]+|statement): (?P<sql>.*)", re.DOTALL)
_LOCK_NUMBER = re.compile(r"-?\d{12,19}")
_PARAMETER = re.compile(r"\$(\d+) = (?:NULL|'((?:[^']|'')*)')")


@dataclass(frozen=True)
class Statement:
    """One statement and its parameters as text."""

    sql: str
    parameters: Sequence[str | None] = ()

    def with_places(self, places: Mapping[str, str]) -> "Statement":
        """The same with values replaced by names of places."""
        return Statement(self.sql, [self._placed(value, places) for value in self.parameters])

    def _placed(self, value: str | None, places: Mapping[str, str]) -> str | None:
        if value is None:
            return None
        if "advisory" in self.sql and _LOCK_NUMBER.fullmatch(value):
            return LOCK
        for text, place in places.items():
            value = value.replace(text, place)
        return value

    def as_json(self) -> dict[str, object]:
        """For a reference that runs elsewhere."""
        return {"sql": self.sql, "parameters": list(self.parameters)}


# What the log tells of statements while it is read, and what it tells else (infra/postgres/roles.sql).
TELLING = {"log_error_verbosity": "default", "log_parameter_max_length": "-1", "log_statement": "'all'"}
QUIET = {"log_error_verbosity": "terse", "log_parameter_max_length": "0", "log_statement": "'none'"}


def record(stack: Stack, database: Database, request: Callable[[], object]) -> list[list[Statement]]:
    """What the service sends while `request` runs, of each session that it uses."""
    configure = "ALTER SYSTEM {}; "
    database.run(configure.format(f"SET log_line_prefix = '{MARK}%p:%u '"))
    for name, value in TELLING.items():
        database.run(configure.format(f"SET {name} = {value}"))
    try:
        _reload(database, "all")
        begun = len(stack.log("postgres"))
        request()
    finally:
        for name, value in QUIET.items():
            database.run(configure.format(f"SET {name} = {value}"))
        _reload(database, "none")
    time.sleep(0.2)  # the log is written by other processes
    return sessions(stack.log("postgres")[begun:], "expenses_app")


def _reload(database: Database, wanted: str) -> None:
    """Every process reads its configuration when it next looks; a new session shows that it can."""
    database.run("SELECT pg_reload_conf()")
    deadline = time.monotonic() + 5
    while database.run("SHOW log_statement") != wanted:
        if time.monotonic() > deadline:
            raise Failure("Postgres does not take its configuration over.")
        time.sleep(0.05)
    time.sleep(0.2)


def sessions(log: str, role: str) -> list[list[Statement]]:
    """The statements that `role` ran, by session, in order."""
    found: dict[str, list[Statement]] = {}
    for entry in _ENTRY.finditer(log):
        if entry["role"] != role:
            continue
        own = found.setdefault(entry["session"], [])
        text = entry["text"].replace("\n\t", "\n")
        if entry["level"] == "DETAIL" and own:
            own[-1] = Statement(own[-1].sql, _parameters(text))
        elif entry["level"] == "LOG" and (executed := _EXECUTED.match(text)):
            own.append(Statement(executed["sql"].strip()))
    return list(found.values())


def _parameters(text: str) -> list[str | None]:
    return [None if found[2] is None else found[2].replace("''", "'") for found in _PARAMETER.finditer(text)]


def read_of(recorded: Sequence[Sequence[Statement]], table: str) -> Statement:
    """The query that reads rows of `table`. Raises Failure."""
    wanted = re.compile(rf"^\s*(SELECT|WITH)\b.*\bFROM\s+(\w+\.)?{table}\b", re.DOTALL | re.IGNORECASE)
    for statement in (statement for session in recorded for statement in session):
        if wanted.search(statement.sql):
            return statement
    raise Failure(f"The service was not seen to read {table}.")


def transaction_of(recorded: Sequence[Sequence[Statement]], table: str) -> list[Statement]:
    """The transaction that inserts into `table`, from its BEGIN to its end. Raises Failure."""
    wanted = re.compile(rf"\bINSERT\s+INTO\s+(\w+\.)?{table}\b", re.IGNORECASE)
    for session in recorded:
        for place, statement in enumerate(session):
            if wanted.search(statement.sql):
                return _around(session, place)
    raise Failure(f"The service was not seen to write {table}.")


def _around(session: Sequence[Statement], place: int) -> list[Statement]:
    first = place
    while first > 0 and not _begins(session[first]) and not _ends(session[first - 1]):
        first -= 1
    if not _begins(session[first]):
        return [session[place]]  # one statement is a transaction of its own
    for last in range(place, len(session)):
        if _ends(session[last]):
            return list(session[first : last + 1])
    raise Failure("The service was not seen to end its transaction.")


def _begins(statement: Statement) -> bool:
    return statement.sql.upper().startswith("BEGIN")


def _ends(statement: Statement) -> bool:
    return statement.sql.upper().startswith(("COMMIT", "ROLLBACK"))


def script(transaction: Sequence[Statement]) -> tuple[str, dict[str, str]]:
    """The same for pgbench: its text, and the variables that hold the parameters."""
    lines = [r"\set number random(1, 9000000000000000000)"]
    variables: dict[str, str] = {}
    for place, statement in enumerate(transaction):
        values = {f"p{place}_{number}": value for number, value in enumerate(statement.parameters, 1)}
        variables |= {name: value for name, value in values.items() if value is not None}
        lines.append(_inlined(statement.sql, [_expression(*item) for item in values.items()]))
    return "\n".join(lines) + "\n", variables


def _inlined(sql: str, expressions: Sequence[str]) -> str:
    """In one line, as pgbench wants it, with an expression in place of each parameter."""
    filled = re.sub(r"\$(\d+)", lambda found: expressions[int(found[1]) - 1], sql)
    return re.sub(r"\s+", " ", filled).strip().rstrip(";") + ";"


def _expression(name: str, value: str | None) -> str:
    if value is None:
        return "NULL"
    if value == LOCK:
        return ":number"
    if ID in value or KEY in value:
        return f"replace(replace(:{name}::text, '{ID}', uuidv7()::text), '{KEY}', :number::text)"
    return f":{name}"
