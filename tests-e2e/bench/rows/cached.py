"""P1, P2, P5: the list that the cache has, against a bare application with the same bytes; by the gateway."""

from collections.abc import Iterator
from dataclasses import replace

from bench.figures import Goal, Line, Round
from bench.loads import list_answer, lists
from bench.sides import Title, compare, drive, side
from bench.site import Site
from bench.web import Answer
from bench.wrk import Load

GOALS = {
    1: Goal("at least", 0.50, 0.62),
    16: Goal("at least", 0.55, 0.72),
    64: Goal("at least", 0.60, 0.80),
}
NOT_MODIFIED_GOAL = Goal("at least", 0.80, 0.95)
SPREAD_GOAL = Goal("at most", 4, 2)
REFERENCE = "bare uvicorn, gateway"


def cached(site: Site) -> Iterator[Line]:
    """P1, at 1, 16 and 64 connections."""
    for connections, goal in GOALS.items():
        load, answer = _list(site)
        title = Title("P1", _connections(connections), REFERENCE, "cached list, gateway")
        yield _compared(site, title, answer, (load, load, connections), goal)


def not_modified(site: Site) -> Iterator[Line]:
    """P2: the client has the list already; the reference still sends all of it."""
    for connections in (16, 64):
        load, answer = _list(site)
        tag = {"If-None-Match": answer.header("etag")}
        asked = [replace(one, headers={**one.headers, **tag}) for one in load.requests]
        sides = (replace(load, requests=asked), Load(asked, {304: [0]}), connections)
        title = Title("P2", _connections(connections), REFERENCE, "304 of the list, gateway")
        yield _compared(site, title, answer, sides, NOT_MODIFIED_GOAL)


def spread(site: Site) -> Iterator[Line]:
    """P5: how much longer the slowest hundredth takes than the median."""
    load, _ = _list(site)
    site.pin(site.behind_gateway)
    site.say("  P5")
    rounds = []
    for _ in range(site.options.rounds):
        one = drive(site, site.behind_gateway, load, 64, site.options.seconds)
        rounds.append(Round(replace(one, value=one.p50_ms or 0.0), replace(one, value=one.p99_ms or 0.0)))
    yield Line("P5", _connections(64), "p50 of the cached list", "p99", "ms", rounds, SPREAD_GOAL)


def _list(site: Site) -> tuple[Load, Answer]:
    """The list of somebody who has just signed in."""
    cookies = site.ada.cookies(site.auth)
    answer = list_answer(site, cookies)
    return lists(cookies, answer), answer


def _compared(site: Site, title: Title, answer: Answer, sides: tuple[Load, Load, int], goal: Goal) -> Line:
    reference, subject, connections = sides
    bare = site.bare(answer)
    around_bare = bare.at(site.another_gateway(bare.url))
    site.pin(bare, site.behind_gateway)
    try:
        return compare(
            site,
            title,
            side(site, around_bare, reference, connections),
            side(site, site.behind_gateway, subject, connections),
            goal=goal,
        )
    finally:
        site.end_extras()


def _connections(number: int) -> str:
    return f"{number} connection{'s' * (number > 1)}"
