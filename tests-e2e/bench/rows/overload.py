"""OVER: what is served under three times what can be, and how quickly the rest is refused.

The gateway has a core of its own: it is what refuses. The load shares the other with the service, and what it
takes, the service lacks; so the flood is driven by what costs least (infra/adr/0047).
"""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from bench import machine
from bench.figures import Goal, Line, Round, Sample, median_of
from bench.flood import Flood
from bench.loads import list_answer, lists, visits
from bench.sides import WARM_SECONDS, drive, sample
from bench.site import Site, Target
from bench.wrk import Load

ADMITTED = 500
"""Requests of one address that the gateway lets in at a time (gateway/README.md)."""
TIMES = 3
GOAL = Goal("at least", 0.80)
REFUSED_MS = 500
LISTS_AT_PEAK = 64
VISITS_AT_PEAK = 480
"""Creates share statements: the more there are at a time, the more are done. One that would have to wait for
too long is refused there too, and counts for nothing."""
FLOOD_SECONDS = 20
"""It takes a while until so many wait."""
PEAK_SECONDS = 5
"""At least, for the same reason."""


@dataclass(frozen=True)
class Flooded:
    """What came of a flood."""

    sample: Sample
    """Good answers a second."""
    refused: float
    """Of all answers, the share."""
    slow_ms: float | None
    """The 95th percentile of what a refusal takes."""


def overload(site: Site) -> Iterator[Line]:
    """Three times as many connections as the gateway lets in.

    Each waits so long between its requests that all together ask for three times the peak. That is
    measured before and after: a flood takes long enough for the machine to become another.
    """
    cookies = site.ada.cookies(site.auth)
    asked = lists(cookies, list_answer(site, cookies))
    yield _line(site, "the cached list", asked, LISTS_AT_PEAK)
    mixed = replace(visits(site, cookies), refusals=(503,))
    yield _line(site, "90 % reads, 10 % writes", mixed, VISITS_AT_PEAK)


def _line(site: Site, name: str, load: Load, at_peak: int) -> Line:
    gateway = Target(site.gateway, site.pid("gateway"))
    site.pin(gateway)
    site.say(f"  OVER {name}")
    seconds = max(PEAK_SECONDS, site.options.seconds)
    flood = replace(load, refusals=(429, 503))
    connections = TIMES * ADMITTED
    drive(site, gateway, load, at_peak, WARM_SECONDS)
    peak = drive(site, gateway, load, at_peak, seconds)
    rounds, floods = [], []
    for _ in range(site.options.rounds):
        pause = round(connections * 1000 / (TIMES * peak.value)) if peak.value else 0
        flooded = _flooded(site, gateway, replace(flood, pause_ms=max(1, pause)), connections)
        before, peak = peak, drive(site, gateway, load, at_peak, seconds)
        rounds.append(Round(mean(before, peak), flooded.sample))
        floods.append(flooded)
    return Line(
        "OVER", f"{TIMES} times the peak", f"{name}, {at_peak} connections",
        f"{connections} connections", "req/s", rounds, GOAL, notes=(refusals(floods),),
    )  # fmt: skip


def refusals(floods: Sequence[Flooded]) -> str:
    """What is said of them."""
    slow = median_of([flood.slow_ms for flood in floods])
    if slow is None:
        return "nothing was refused"
    share = statistics.median(flood.refused for flood in floods)
    return f"{share:.0%} of the answers were refusals, 95 of 100 of them within {slow:.0f} ms"


def mean(before: Sample, after: Sample) -> Sample:
    """What was reached around a flood, with what was wrong in either."""
    value = (before.value + after.value) / 2
    return replace(before, value=value, faults=(*before.faults, *after.faults))


def _flooded(site: Site, gateway: Target, load: Load, connections: int) -> Flooded:
    seconds = max(FLOOD_SECONDS, 3 * load.pause_ms // 1000)
    flood = Flood(site.folder, gateway.url, load, connections=connections, seconds=seconds)
    with closing(flood):
        outcome = flood.finish()
    machine.settle(gateway.pid)
    share = outcome.refused / max(1, outcome.good + outcome.refused)
    measured, slow = sample(outcome), outcome.refused_p95_ms
    late = (f"refusals took {slow:.0f} ms, more than {REFUSED_MS}",) if (slow or 0) > REFUSED_MS else ()
    return Flooded(replace(measured, faults=(*measured.faults, *late)), share, slow)
