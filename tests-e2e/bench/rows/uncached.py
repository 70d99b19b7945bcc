"""P3: a list that no cache has, against raw asyncpg that runs the very query of it."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from bench import statements
from bench.figures import Goal, Line, Sample
from bench.loads import list_answer, lists
from bench.sides import EXPENSES, Title, compare, side
from bench.site import Site
from bench.statements import DATE, Statement
from bench.web import Caller
from bench.wrk import ONCE

CLIENTS = 16
GOAL = Goal("at least", 0.55, 0.80)
A_DAY = "2999-12-31"


def uncached(site: Site) -> Iterator[Line]:
    """Each request has another last day, far ahead: the same fifty rows, and another query to the cache."""
    cookies = site.ada.cookies(site.auth)
    query = _recorded(site, cookies)
    whole = lists(cookies, list_answer(site, cookies))
    asked = [replace(one, path=f"{EXPENSES}?to={ONCE}") for one in whole.requests]
    load = replace(whole, requests=asked, fresh=("date", ""))
    site.pin(site.service)
    yield compare(
        site,
        Title("P3", f"{CLIENTS} connections", "raw asyncpg, the list's query", "uncached list, direct"),
        lambda seconds: replay(site, [query], seconds),
        side(site, site.service, load, CLIENTS),
        goal=GOAL,
    )


def _recorded(site: Site, cookies: str) -> Statement:
    """The query that the service sends for such a list, with a place for the day."""
    with closing(Caller(site.service.url, {"Cookie": cookies})) as caller:
        seen = statements.record(site.stack, site.database, lambda: caller.get(f"{EXPENSES}?to={A_DAY}"))
    return statements.read_of(seen, "expenses").with_places({A_DAY: DATE})


def replay(site: Site, what: Sequence[Statement], seconds: int, users: Sequence[str] = ("-",)) -> Sample:
    """These statements on raw asyncpg, on the core that the service has in its turn."""
    job = {"clients": CLIENTS, "seconds": seconds, "users": list(users)}
    file = site.folder / "queries.json"
    file.write_text(json.dumps({**job, "statements": [one.as_json() for one in what]}))
    output = site.run_reference(
        "expenses", "queries.py", str(file),
        environment=site.database.app_account(), cores=site.cores.measured,
    )  # fmt: skip
    said = json.loads(output)
    return Sample(said["rate"], said["cpu_us"])
