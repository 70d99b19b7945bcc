"""P6, P7: what a table of millions costs those who read a part of it; one database a size."""

import json
import statistics
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Self
from uuid import UUID

from bench import people, seeding
from bench.figures import Curve, Goal, Line, Round, Sample, alternate
from bench.sides import EXPENSES, JSON
from bench.site import Site
from bench.web import Caller

SMALL = 10_000
EACH = 1_000_000
"""How many each of the others has, who fill a large table."""
PAGE = 10
PAGES_BEFORE = 999
PAGES_GOAL = Goal("at most", 3, 1.5)
SUMMARY_GOAL = Goal("at most", 1.3, 1.1)


@dataclass
class Table:
    """A database of one size, the service on it, and somebody who has ten thousand of its expenses."""

    size: int
    url: str
    reader: UUID
    other: UUID | None
    """Somebody who has the rest, or a million of it."""

    @classmethod
    def made(cls, site: Site, size: int, reader: UUID) -> Self:
        database = site.empty.copy_of(f"bench_{size}")
        seeding.seed(database, [reader], SMALL, bulk=True)
        others = people.new_users(max(1, size // EACH)) if size > SMALL else []
        if others:
            each = (size if size >= EACH else size - SMALL) // len(others)
            seeding.seed(database, others, each, bulk=True)
        url = site.another_expenses(database).url
        return cls(size, url, reader, others[0] if others else None)


class Reader:
    """Reads one thing again and again, after a write each time, so that no cache has it."""

    def __init__(self, table: Table, cookies: str, path: str) -> None:
        self._caller = Caller(table.url, {"Cookie": cookies})
        self._path = path
        # One that is old enough for the summary and young enough for page 1000 not to have it.
        old = json.loads(self._caller.get(f"{EXPENSES}?sort=spent_on&limit=100").body)["items"][-1]
        self._patched = f"{EXPENSES}/{old['id']}"
        self._length = len(self._caller.get(path).body)
        self._amounts = ["1.00", "2.00"]

    def sample(self, seconds: float) -> Sample:
        """The median time of an answer, in milliseconds."""
        times: list[float] = []
        faults: set[str] = set()
        while sum(times) < seconds / 4 and len(times) < 200:
            self._amounts.reverse()
            body = f'{{"amount": "{self._amounts[0]}"}}'.encode()
            self._caller.expect(200, "PATCH", self._patched, body, **{"Content-Type": JSON["Content-Type"]})
            answer = self._caller.get(self._path)
            if len(answer.body) != self._length:
                faults.add(f"{self._path.partition('?')[0]} had {len(answer.body)} bytes, not {self._length}")
            times.append(answer.seconds * 1000)
        return Sample(statistics.median(times), faults=tuple(faults))

    def close(self) -> None:
        """Close its connection."""
        self._caller.close()


def pages(site: Site) -> Iterator[Line]:
    """P6: the first page and page 1000 of the same person, in tables of every size."""
    tables = _tables(site)
    for name in ("first page", "page 1000"):
        cookies = site.ada.cookies(site.auth)
        curve = Curve(f"P6 {name}")
        site.curves.append(curve)
        readers = [Reader(table, cookies, _path(table, cookies, name)) for table in tables]
        rounds: list[Round] = []
        for table, reader in zip(tables[1:], readers[1:], strict=True):
            rounds = _alternate(site, readers[0].sample, reader.sample)
            if not curve.points:
                curve.points.append((tables[0].size, _median(rounds, lambda one: one.reference)))
            curve.points.append((table.size, _median(rounds, lambda one: one.subject)))
        for reader in readers:
            reader.close()
        small, large = f"in a table of {_short(SMALL)}", f"in one of {_short(tables[-1].size)}"
        yield Line("P6", name, small, large, "ms", rounds, PAGES_GOAL)
    site.end_extras()


def summary(site: Site) -> Iterator[Line]:
    """P7: twelve months by category, of somebody with ten thousand expenses and of one with a million."""
    size = max(min(site.options.largest, EACH), 100_000)
    table = Table.made(site, size, site.ada.id)
    first, last = _whole_months(datetime.now(UTC).date())
    query = f"{EXPENSES}/summary?group_by=category&from={first}&to={last}"
    assert table.other is not None
    forged = people.crowd(site.stack, site.ada, [table.reader, table.other])
    small, large = (Reader(table, f"ea_access={token}", query) for token in forged.tokens)
    with closing(small), closing(large):
        rounds = _alternate(site, small.sample, large.sample)
    site.end_extras()
    names = f"user with {_short(SMALL)}", f"user with {_short(size)}"
    yield Line("P7", "by category, 12 months", *names, "ms", rounds, SUMMARY_GOAL)


def _tables(site: Site) -> list[Table]:
    tables = [Table.made(site, size, site.ada.id) for size in site.options.sizes]
    site.unpin()
    return tables


def _alternate(
    site: Site, reference: Callable[[float], Sample], subject: Callable[[float], Sample]
) -> list[Round]:
    seconds = site.options.seconds
    for side in (reference, subject):
        side(seconds)  # warms the caches of Postgres and does not count
    return alternate(site.options.rounds, partial(reference, seconds), partial(subject, seconds))


def _path(table: Table, cookies: str, name: str) -> str:
    """Page 1000 is found as clients find it: from page to page."""
    if name == "first page":
        return EXPENSES
    with closing(Caller(table.url, {"Cookie": cookies})) as caller:
        path = f"{EXPENSES}?limit={PAGE}"
        for _ in range(PAGES_BEFORE):
            path = caller.get(path).header("link").partition("<")[2].partition(">")[0]
    return path


def _median(rounds: list[Round], side: Callable[[Round], Sample]) -> float:
    return statistics.median(side(one).value for one in rounds)


def _whole_months(today: date) -> tuple[date, date]:
    """The first and the last day of the twelve months before this one."""
    first = today.replace(day=1)
    return first.replace(year=first.year - 1), first - timedelta(days=1)


def _short(size: int) -> str:
    return f"{size // 1_000_000} M" if size >= 1_000_000 else f"{size // 1000} k"
