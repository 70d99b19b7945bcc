"""OVER: what is served under three times what can be, and how quickly the rest is refused.

The gateway has a core of its own: it is what refuses. The load shares the other with the service, costs half
as much again in the flood, and takes that from it. So a flood that yields is reported beside the one that is
judged; it asks for less.
"""

import random
import statistics
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from bench import machine
from bench.figures import Goal, Line, Round, Sample, median_of
from bench.loads import list_answer, lists, visits
from bench.sides import EXPENSES, WARM_SECONDS, drive, running, sample
from bench.site import Site, Target
from bench.web import Caller
from bench.wrk import Load

ADMITTED = 500
"""Requests of one address that the gateway lets in at a time (gateway/README.md)."""
TIMES = 3
GOAL = Goal("at least", 0.80)
REFUSED_MS = 500
PROBES = 16
"""Beside the load, so that some of them are refused in each round.

They pause as its connections do: who comes back at once is a load of refusals.
"""
LISTS_AT_PEAK = 64
VISITS_AT_PEAK = 480
"""Creates share statements: the more there are at a time, the more are done. One that would have to wait for
too long is refused there too, and counts for nothing."""
FLOOD_SECONDS = 20
"""It takes a while until so many are connected and wait."""
PEAK_SECONDS = 5
"""At least, for the same reason."""


@dataclass(frozen=True)
class Flood:
    """What came of one."""

    sample: Sample
    """Good answers a second."""
    refused: float
    """Of all answers, the share."""
    slow_ms: float | None
    """The 95th percentile of what a refusal takes, seen from beside the load."""


def overload(site: Site) -> Iterator[Line]:
    """Three times as many connections as the gateway lets in.

    Each waits so long between its requests that all together ask for three times the peak. That is
    measured before and after: a flood takes long enough for the machine to become another.
    """
    cookies = site.ada.cookies(site.auth)
    asked = lists(cookies, list_answer(site, cookies))
    yield _line(site, "the cached list", asked, LISTS_AT_PEAK, cookies, GOAL)
    mixed = replace(visits(site, cookies), refusals=(503,))
    yield _line(site, "90 % reads, 10 % writes", mixed, VISITS_AT_PEAK, cookies, GOAL)
    yielding = replace(asked, yields=True)
    yield _line(site, "the cached list, a load that yields", yielding, LISTS_AT_PEAK, cookies, None)


def _line(site: Site, name: str, load: Load, at_peak: int, cookies: str, goal: Goal | None) -> Line:
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
        flooded = _flooded(site, gateway, replace(flood, pause_ms=max(1, pause)), connections, cookies)
        before, peak = peak, drive(site, gateway, load, at_peak, seconds)
        rounds.append(Round(mean(before, peak), flooded.sample))
        floods.append(flooded)
    return Line(
        "OVER", f"{TIMES} times the peak", f"{name}, {at_peak} connections",
        f"{connections} connections", "req/s", rounds, goal, notes=(refusals(floods),),
    )  # fmt: skip


def refusals(floods: Sequence[Flood]) -> str:
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


def _flooded(site: Site, gateway: Target, load: Load, connections: int, cookies: str) -> Flood:
    ended = threading.Event()
    refused: list[float] = []
    probes = [
        threading.Thread(target=_probe, args=(gateway.url, cookies, load.pause_ms / 1000, refused, ended))
        for _ in range(PROBES)
    ]
    seconds = max(FLOOD_SECONDS, 3 * load.pause_ms // 1000)
    with running(site, gateway.url, load, connections, seconds) as run:
        for probe in probes:
            probe.start()
        try:
            outcome = run.finish()
        finally:
            ended.set()
            for probe in probes:
                probe.join()
    machine.settle(gateway.pid)
    share = outcome.refused / max(1, outcome.good + outcome.refused)
    measured = sample(outcome)
    if not refused:
        return Flood(measured, share, None)
    slow = sorted(refused)[len(refused) * 95 // 100]
    late = (f"refusals took {slow:.0f} ms, more than {REFUSED_MS}",) if slow > REFUSED_MS else ()
    return Flood(replace(measured, faults=(*measured.faults, *late)), share, slow)


def _probe(url: str, cookies: str, pause: float, refused: list[float], ended: threading.Event) -> None:
    with closing(Caller(url, {"Cookie": cookies})) as caller:
        while not ended.wait(random.uniform(0, 2 * pause)):
            answer = caller.call("GET", EXPENSES)
            if answer.status in {429, 503}:
                refused.append(answer.seconds * 1000)
