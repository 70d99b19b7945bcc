"""P9, P10: what sign-ins cost others, and what auth adds to Argon2id itself."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial

from actors import AUTH, PASSWORD
from bench import people
from bench.figures import Goal, Line, Sample, alternate
from bench.loads import list_answer, lists
from bench.sides import EXPENSES, JSON, Title, compare, drive, running, side
from bench.site import Site, Target
from bench.web import Caller
from bench.wrk import Load, Request

PEOPLE = 60
MEMORY_KIB, TIME_COST, THREADS = 65536, 2, 2
"""What auth has by default (services/auth/README.md)."""
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
OTHERS = 16
FLOOD = 64
HEAD_START_SECONDS = 1
FLOOD_GOAL = Goal("at most", 5, 2)
LOGIN_GOAL = Goal("at least", 0.85, 0.95)


def flood(site: Site) -> Iterator[Line]:
    """P9: the slowest hundredth of other requests, while as many as can sign in, and without."""
    site.unpin()
    attack = sign_ins(site)
    for path in (EXPENSES, f"{AUTH}/me"):
        site.say(f"  P9 {path}")
        load = _reads(site, path)
        target = site.behind_gateway if path == EXPENSES else site.sign_in.at(site.gateway)
        quiet = partial(_p99, site, target, load)
        loud = partial(_flooded, site, attack, quiet)
        rounds = alternate(site.options.rounds, quiet, loud)
        yield Line("P9", path, "p99 without", "p99 during a login flood", "ms", rounds, FLOOD_GOAL)


def logins(site: Site) -> Iterator[Line]:
    """P10: sign-ins a second. The reference is argon2-cffi, with its memory in huge pages as auth has it.

    Reported: argon2-cffi as it comes.
    """
    site.unpin()
    load = sign_ins(site)
    for where, tunables, goal in ((", huge pages", HUGE_PAGES, LOGIN_GOAL), ("", {}, None)):
        yield compare(
            site,
            Title("P10", "8 connections", f"Argon2id, {THREADS} threads{where}", "login, direct"),
            partial(_argon2, site, tunables),
            side(site, site.sign_in, load, 8),
            goal=goal,
        )


def _argon2(site: Site, tunables: Mapping[str, str], seconds: int) -> Sample:
    arguments = [str(number) for number in (MEMORY_KIB, TIME_COST, THREADS, seconds)]
    return Sample(float(site.run_reference("auth", "passwords.py", *arguments, environment=tunables)))


def sign_ins(site: Site) -> Load:
    """Of people who know their password."""
    everybody = [people.register(site.auth) for _ in range(PEOPLE)]
    forms = [json.dumps({"email": one.email, "password": PASSWORD}) for one in everybody]
    with closing(Caller(site.auth, JSON)) as caller:
        length = len(caller.expect(200, "POST", f"{AUTH}/login", forms[0].encode()).body)
    requests = [Request("POST", f"{AUTH}/login", JSON, form) for form in forms]
    return Load(requests, {200: [length]}, drawn="at random")


def _reads(site: Site, path: str) -> Load:
    cookies = site.ada.cookies(site.auth)
    if path == EXPENSES:
        return lists(cookies, list_answer(site, cookies))
    with closing(Caller(site.gateway, {"Cookie": cookies})) as caller:
        length = len(caller.get(path).body)
    return Load([Request("GET", path, {"Cookie": cookies})], {200: [length]})


def _p99(site: Site, target: Target, load: Load) -> Sample:
    measured = drive(site, target, load, OTHERS, site.options.seconds)
    return replace(measured, value=measured.p99_ms or 0.0)


def _flooded(site: Site, attack: Load, others: Callable[[], Sample]) -> Sample:
    """What becomes of the sign-ins themselves is not judged: a busy auth refuses many."""
    seconds = site.options.seconds + HEAD_START_SECONDS + 1
    with running(site, site.gateway, attack, FLOOD, seconds):
        time.sleep(HEAD_START_SECONDS)
        return others()
