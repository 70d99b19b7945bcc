"""P8: a file of many rows, against COPY of the same rows into the same table with the same indexes."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

from bench.database import Database
from bench.figures import Goal, Line, Sample, alternate
from bench.sides import EXPENSES
from bench.site import Site
from bench.web import Caller
from infra.local.failure import Failure

ROWS = 100_000
QUICK_ROWS = 20_000
GOAL = Goal("at least", 0.18, 0.30)
EMPTY = "TRUNCATE expenses, user_state, rollups, change_log, idempotency"
COLUMNS = (
    "amount", "currency", "spent_on", "description", "merchant", "category", "tags", "payment_method",
    "notes", "source", "external_id",
)  # fmt: skip


def imported(site: Site) -> Iterator[Line]:
    """Both begin with empty tables each time."""
    count = QUICK_ROWS if site.options.quick else ROWS
    database = site.empty.copy_of("bench_import")
    url = site.another_expenses(database).url
    site.unpin()
    site.say(f"  P8 {count} rows")
    table = site.folder / "table.csv"
    file = document(count)
    _import(site, url, file, count)
    database.run(f"\\copy expenses TO '{table}' WITH (FORMAT csv)")
    copy = partial(database.run, f"\\copy expenses FROM '{table}' WITH (FORMAT csv)")
    rounds = alternate(
        site.options.rounds,
        lambda: _timed(database, count, copy),
        lambda: _timed(database, count, partial(_import, site, url, file, count)),
    )
    site.end_extras()
    names = "COPY, same indexes", "import, parsing included"
    yield Line("P8", f"{count // 1000} k rows of CSV", *names, "rows/s", rounds, GOAL)


def document(count: int) -> bytes:
    """A CSV of expenses of two years, as another system would write it."""
    today = datetime.now(UTC).date()
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for number in range(count):
        amount = f"{10 + number * 7919 % 9000 / 100:.2f}"
        day = today - timedelta(days=number % 700)
        writer.writerow(
            (amount, "EUR", day, f"Something bought at {number:08}", "Corner Market", "travel",
             '["team", "home"]', "card", "paid together", "bank", f"line-{number:08}")
        )  # fmt: skip
    return text.getvalue().encode()


def _timed(database: Database, count: int, work: Callable[[], object]) -> Sample:
    database.run(EMPTY)
    started = time.monotonic()
    work()
    seconds = time.monotonic() - started
    there = int(database.run("SELECT count(*) FROM expenses"))
    faults = () if there == count else (f"{there} rows in place of {count}",)
    return Sample(count / seconds, faults=faults)


def _import(site: Site, url: str, file: bytes, count: int) -> None:
    with closing(Caller(url, {"Cookie": site.ada.cookies(site.auth)})) as caller:
        answer = caller.expect(200, "POST", f"{EXPENSES}/import", file, Content_Type="text/csv")
    if json.loads(answer.body)["created"] != count:
        raise Failure(f"The import did not create {count} expenses: {answer.body[:300]}")
