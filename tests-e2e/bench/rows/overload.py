"""OVER: what is served under three times what can be, and how quickly the rest is refused.

The gateway has a core of its own: it is what refuses.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from bench import machine
from bench.figures import Goal, Line, Round, Sample, median_of
from bench.loads import list_answer, lists
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
AT_PEAK = 64
FLOOD_SECONDS = 20
"""It takes a while until so many are connected and wait."""


def overload(site: Site) -> Iterator[Line]:
    """Three times as many connections as the gateway lets in.

    Each waits so long between its requests that all together ask for three times the peak. That is
    measured before and after: a flood takes long enough for the machine to become another.
    """
    cookies = site.ada.cookies(site.auth)
    load = lists(cookies, list_answer(site, cookies))
    gateway = Target(site.gateway, site.pid("gateway"))
    site.pin(gateway)
    site.say("  OVER")
    seconds = site.options.seconds
    flood = replace(load, refusals=(429, 503))
    connections = TIMES * ADMITTED
    drive(site, gateway, load, AT_PEAK, WARM_SECONDS)
    peak = drive(site, gateway, load, AT_PEAK, seconds)
    rounds, slowest = [], []
    for _ in range(site.options.rounds):
        pause = round(connections * 1000 / (TIMES * peak.value)) if peak.value else 0
        paused = replace(flood, pause_ms=max(1, pause))
        flooded, refused_ms = _flooded(site, gateway, paused, connections, cookies)
        before, peak = peak, drive(site, gateway, load, AT_PEAK, seconds)
        rounds.append(Round(mean(before, peak), flooded))
        slowest.append(refused_ms)
    note = refusals(median_of(slowest))
    yield Line(
        "OVER", f"{TIMES} times the peak", f"the cached list, {AT_PEAK} connections",
        f"{connections} connections", "req/s", rounds, GOAL, notes=(note,),
    )  # fmt: skip


def refusals(milliseconds: float | None) -> str:
    """What is said of them."""
    if milliseconds is None:
        return "nothing was refused"
    return f"95 of 100 refusals came within {milliseconds:.0f} ms"


def mean(before: Sample, after: Sample) -> Sample:
    """What was reached around a flood, with what was wrong in either."""
    value = (before.value + after.value) / 2
    return replace(before, value=value, faults=(*before.faults, *after.faults))


def _flooded(
    site: Site, gateway: Target, flood: Load, connections: int, cookies: str
) -> tuple[Sample, float | None]:
    """Good answers a second, and the 95th percentile of what a refusal takes, seen from beside the load."""
    ended = threading.Event()
    refused: list[float] = []
    probes = [
        threading.Thread(target=_probe, args=(gateway.url, cookies, flood.pause_ms / 1000, refused, ended))
        for _ in range(PROBES)
    ]
    seconds = max(FLOOD_SECONDS, 3 * flood.pause_ms // 1000)
    with running(site, gateway.url, flood, connections, seconds) as run:
        for probe in probes:
            probe.start()
        try:
            outcome = run.finish()
        finally:
            ended.set()
            for probe in probes:
                probe.join()
    machine.settle(gateway.pid)
    if not refused:
        return sample(outcome), None
    slow = sorted(refused)[len(refused) * 95 // 100]
    late = (f"refusals took {slow:.0f} ms, more than {REFUSED_MS}",) if slow > REFUSED_MS else ()
    measured = sample(outcome)
    return replace(measured, faults=(*measured.faults, *late)), slow


def _probe(url: str, cookies: str, pause: float, refused: list[float], ended: threading.Event) -> None:
    with closing(Caller(url, {"Cookie": cookies})) as caller:
        while not ended.wait(random.uniform(0, 2 * pause)):
            answer = caller.call("GET", EXPENSES)
            if answer.status in {429, 503}:
                refused.append(answer.seconds * 1000)
