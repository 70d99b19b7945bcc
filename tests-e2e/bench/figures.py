"""What is measured and what it says: samples, rounds, ratios, goals and verdicts. Pure."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["at least", "at most"]


@dataclass(frozen=True)
class Sample:
    """One side of one round."""

    value: float
    """What the ratio is made of: requests a second, or milliseconds."""
    cpu_us: float | None = None
    """Of the process that is measured, for each request."""
    p50_ms: float | None = None
    p99_ms: float | None = None
    faults: tuple[str, ...] = ()
    """Why it does not count: answers that were not what they have to be."""


@dataclass(frozen=True)
class Round:
    """Both sides, measured one right after the other."""

    reference: Sample
    subject: Sample

    @property
    def ratio(self) -> float:
        """Subject over reference; 0 where the reference did nothing."""
        return self.subject.value / self.reference.value if self.reference.value else 0.0


@dataclass(frozen=True)
class Goal:
    """What a figure has to be."""

    direction: Direction
    value: float
    moonshot: float | None = None

    def is_met(self, figure: float) -> bool:
        """Its edge is met."""
        return figure >= self.value if self.direction == "at least" else figure <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.direction == 'at least' else '≤'} {self.value:g}"


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    row: str
    variant: str
    reference: str
    subject: str
    unit: str
    rounds: Sequence[Round]
    goal: Goal | None = None
    """None: reported only."""
    notes: tuple[str, ...] = ()

    @property
    def ratios(self) -> list[float]:
        """One of each round."""
        return [one.ratio for one in self.rounds]

    @property
    def median(self) -> float:
        """The figure that is judged."""
        return statistics.median(self.ratios)

    @property
    def faults(self) -> list[str]:
        """All that was wrong, each once."""
        samples = [sample for one in self.rounds for sample in (one.reference, one.subject)]
        return list(dict.fromkeys(fault for sample in samples for fault in sample.faults))


Verdict = Literal["met", "MISSED", "FAILED", "reported"]


def verdict(line: Line) -> Verdict:
    """FAILED: an answer was wrong, whatever the speed."""
    if line.faults or not line.rounds:
        return "FAILED"
    if line.goal is None:
        return "reported"
    return "met" if line.goal.is_met(line.median) else "MISSED"


def figure(line: Line) -> str:
    """The median; with more digits where two would put it on the other side of its goal."""
    texts = [f"{line.median:.{digits}f}" for digits in (2, 3, 4)]
    if line.goal is None:
        return texts[0]
    is_met = line.goal.is_met(line.median)
    return next((text for text in texts if line.goal.is_met(float(text)) == is_met), texts[-1])


def median_of(values: Sequence[float | None]) -> float | None:
    """The median of those that are known."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def alternate(rounds: int, reference: Callable[[], Sample], subject: Callable[[], Sample]) -> list[Round]:
    """Both sides in turn; who begins changes, so that what drifts favours nobody."""
    done = []
    for number in range(rounds):
        if number % 2:
            second = subject()
            done.append(Round(reference(), second))
        else:
            first = reference()
            done.append(Round(first, subject()))
    return done


@dataclass
class Curve:
    """A figure over a size, for the picture."""

    name: str
    points: list[tuple[int, float]] = field(default_factory=list)
