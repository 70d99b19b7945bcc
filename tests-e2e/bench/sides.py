"""The sides that rows compare: a load on an address, and what it cost the process behind it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass

from bench import machine
from bench.figures import Goal, Line, Sample, alternate
from bench.site import Site, Target
from bench.wrk import Load, Outcome, Run

EXPENSES = "/api/v1/expenses"
JSON = {"Content-Type": "application/json"}
WARM_SECONDS = 1

Side = Callable[[int], Sample]
"""Measures one side for so many seconds."""


@dataclass(frozen=True)
class Title:
    """What a line of the table is called, and both of its sides."""

    row: str
    variant: str
    reference: str
    subject: str


def drive(site: Site, target: Target, load: Load, connections: int, seconds: int) -> Sample:
    """One side of one round: good answers a second, and the process's CPU for each answer."""
    before = machine.cpu_seconds(target.pid)
    with running(site, target.url, load, connections, seconds) as run:
        outcome = run.finish()
    used = machine.cpu_seconds(target.pid) - before
    machine.settle(target.pid)
    return sample(outcome, used)


def side(site: Site, target: Target, load: Load, connections: int) -> Side:
    """The same, for as long as asked for."""
    return lambda seconds: drive(site, target, load, connections, seconds)


def sample(outcome: Outcome, cpu_seconds: float | None = None) -> Sample:
    """What a driver says about a side."""
    answered = outcome.good + outcome.refused
    cpu_us = cpu_seconds / answered * 1e6 if cpu_seconds is not None and answered else None
    return Sample(outcome.rate, cpu_us, outcome.p50_ms, outcome.p99_ms, outcome.faults)


def running(site: Site, url: str, load: Load, connections: int, seconds: int) -> AbstractContextManager[Run]:
    """wrk at work, which ends with the block however that ends."""
    return closing(Run(site.folder, url, load, connections=connections, seconds=seconds))


def compare(
    site: Site, title: Title, reference: Side, subject: Side, *, goal: Goal | None, unit: str = "req/s"
) -> Line:
    """A line of the table; both sides run once for a second first, which does not count."""
    site.say(f"  {title.row} {title.variant}")
    reference(WARM_SECONDS)
    subject(WARM_SECONDS)
    seconds = site.options.seconds
    rounds = alternate(site.options.rounds, lambda: reference(seconds), lambda: subject(seconds))
    return Line(title.row, title.variant, title.reference, title.subject, unit, rounds, goal)
