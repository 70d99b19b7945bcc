"""P8: a file of many rows, against COPY of the same rows into the same table with the same indexes."""

import csv
import io
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
    _imported(site, database, url, file)
    database.run(f"\\copy expenses TO '{table}' WITH (FORMAT csv)")
    copy = partial(database.run, f"\\copy expenses FROM '{table}' WITH (FORMAT csv)")
    rounds = alternate(
        site.options.rounds,
        lambda: _timed(database, count, copy),
        lambda: _imported(site, database, url, file),
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


def _imported(site: Site, database: Database, url: str, file: bytes) -> Sample:
    """Whoever imports has signed in before the clock runs."""
    with closing(Caller(url, {"Cookie": site.ada.cookies(site.auth)})) as caller:
        path = f"{EXPENSES}/import"
        work = partial(caller.expect, 200, "POST", path, file, Content_Type="text/csv")
        return _timed(database, file.count(b"\n") - 1, work)
