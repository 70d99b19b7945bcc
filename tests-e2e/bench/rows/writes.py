"""P4, P4h, P11h: creations with idempotency keys, against the same SQL without the service."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

from bench import statements
from bench.database import transactions
from bench.figures import Goal, Line, Sample
from bench.loads import creation, creations, crowd_cookies, lists
from bench.people import crowd
from bench.rows.uncached import CLIENTS, replay
from bench.sides import EXPENSES, Title, compare, drive, side
from bench.site import Site
from bench.statements import ID, KEY, USER, Statement
from bench.web import Caller
from bench.wrk import ONCE, Load

HOT_WRITERS = 8
GOAL = Goal("at least", 0.70, 0.95)
CPU_GOAL = Goal("at most", 10, 4)
"""230 and 100 µs where a bare application's answer of 11 KB takes 23."""
ELEVEN_KB = f"{EXPENSES}?limit=25"
ONE_USER_GOAL = Goal("at least", 0.9, 4)
HOT_GOAL = Goal("at least", 0.25)
SUBJECT = "create with a key, direct"


def spread_out(site: Site) -> Iterator[Line]:
    """P4: sixteen writers over a thousand users."""
    transaction = _recorded(site)
    load = _of_crowd(site)
    users = [str(user) for user in site.crowd]
    site.pin(site.service)
    yield compare(
        site,
        Title("P4", f"{CLIENTS} writers", "raw asyncpg, the same SQL", SUBJECT),
        lambda seconds: replay(site, transaction, seconds, users),
        side(site, site.service, load, CLIENTS),
        goal=GOAL,
    )
    yield _cpu(site, load)


def _cpu(site: Site, load: Load) -> Line:
    """What it costs the process, in answers of a bare application: microseconds are of one machine only."""
    cookies = site.ada.cookies(site.auth)
    with closing(Caller(site.service.url, {"Cookie": cookies})) as caller:
        answer = caller.get(ELEVEN_KB)
    bare, bare_load = site.bare(answer), lists(cookies, answer)
    site.pin(site.service, bare)
    return compare(
        site,
        Title("P4", f"{CLIENTS} writers, CPU", "bare uvicorn, 11 KB", SUBJECT),
        lambda seconds: _cost(drive(site, bare, bare_load, CLIENTS, seconds)),
        lambda seconds: _cost(drive(site, site.service, load, CLIENTS, seconds)),
        unit="µs",
        goal=CPU_GOAL,
    )


def _cost(sample: Sample) -> Sample:
    return replace(sample, value=sample.cpu_us or 0.0)


def of_one_user(site: Site) -> Iterator[Line]:
    """P4h: sixteen writers of one user, who wait for one row, against pgbench that does the same."""
    transaction = _recorded(site, keep_user=True)
    load = _of_one(site)
    site.pin(site.service)
    yield compare(
        site,
        Title("P4h", f"{CLIENTS} writers, one user", "pgbench, the same SQL", SUBJECT),
        lambda seconds: _pgbench(site, transaction, seconds),
        side(site, site.service, load, CLIENTS),
        goal=ONE_USER_GOAL,
    )


def hot_user(site: Site) -> Iterator[Line]:
    """P11h: eight writers of one user, against eight over a thousand users."""
    many, one = _of_crowd(site), _of_one(site)
    site.pin(site.behind_gateway)
    yield compare(
        site,
        Title("P11h", f"{HOT_WRITERS} writers", "over 1,000 users, gateway", "of one user, gateway"),
        side(site, site.behind_gateway, many, HOT_WRITERS),
        side(site, site.behind_gateway, one, HOT_WRITERS),
        goal=HOT_GOAL,
    )


def _recorded(site: Site, *, keep_user: bool = False) -> list[Statement]:
    """The transaction that the service runs to create an expense, with places for what differs.

    The service leaves a user whose row is locked for another statement. Here there is none, so it waits.
    """
    request = creation(site.ada.cookies(site.auth))
    key = f"recorded-{uuid4()}"
    made: list[str] = []
    with closing(Caller(site.service.url, request.headers)) as caller:

        def create() -> None:
            body = request.body.replace(ONCE, "0" * len(ONCE)).encode()
            answer = caller.expect(201, "POST", EXPENSES, body, Idempotency_Key=key)
            made.append(answer.header("location").rpartition("/")[2])

        seen = statements.record(site.stack, site.database, create)
    places = {made[0]: ID, key: KEY} | ({} if keep_user else {str(site.ada.id): USER})
    recorded = statements.transaction_of(seen, "expenses")
    return [replace(one, sql=one.sql.replace(" SKIP LOCKED", "")).with_places(places) for one in recorded]


def _pgbench(site: Site, transaction: Sequence[Statement], seconds: int) -> Sample:
    text, variables = statements.script(transaction)
    file = site.folder / "create.sql"
    file.write_text(text)
    cores = site.cores.measured
    with site.database.pgbench(file, variables, cores, clients=CLIENTS, seconds=seconds) as process:
        try:
            rate = transactions(process.communicate()[0])
            return Sample(rate, faults=() if rate else ("pgbench did nothing",))
        finally:
            process.terminate()


def _of_crowd(site: Site) -> Load:
    cookies = site.ada.cookies(site.auth)
    return creations(site, crowd_cookies(cookies, crowd(site.stack, site.ada, site.crowd)))


def _of_one(site: Site) -> Load:
    return creations(site, [site.ada.cookies(site.auth)])
