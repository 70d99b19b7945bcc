"""P11, P12: a thousand people at once; two processes of the service."""

from collections.abc import Iterator

from bench.figures import Goal, Line
from bench.loads import list_answer, lists, visits
from bench.sides import Title, compare, side
from bench.site import Site

GOAL = Goal("at least", 0.60, 0.80)


def mixed(site: Site) -> Iterator[Line]:
    """P11: nine reads to one write, against the cached list of one person."""
    for connections in (16, 64):
        cookies = site.ada.cookies(site.auth)
        alone, load = lists(cookies, list_answer(site, cookies)), visits(site, cookies)
        site.pin(site.behind_gateway)
        yield compare(
            site,
            Title(
                "P11",
                f"{connections} connections",
                "the cached list alone, gateway",
                "90 % reads, 10 % writes",
            ),
            side(site, site.behind_gateway, alone, connections),
            side(site, site.behind_gateway, load, connections),
            goal=GOAL,
        )


def replicas(site: Site) -> Iterator[Line]:
    """P12: reported only, since the load shares the cores."""
    cookies = site.ada.cookies(site.auth)
    load = lists(cookies, list_answer(site, cookies))
    second = site.another_expenses(site.database)
    both = site.another_gateway(site.service.url, second.url)
    site.unpin()
    yield compare(
        site,
        Title("P12", "64 connections", "1 process of expenses, gateway", "2 processes"),
        side(site, site.behind_gateway, load, 64),
        side(site, site.behind_gateway.at(both), load, 64),
        goal=None,
    )
    site.end_extras()
