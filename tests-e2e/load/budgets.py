"""What a load run has to keep: no failed request, 95 of 100 answers in time, the rate that was asked for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from infra.local.failure import Failure

ARRIVED = 0.9
"""The least part of the people who should have come, in a run of whole visits."""
MOST = 86_400
SIGN_IN = "write: sign in"

Row = Mapping[str, str]
"""Of Locust's statistics, by column."""


@dataclass(frozen=True)
class Asked:
    """What a run shall be, from the environment: RATE, DURATION, READ_P95_MS, WRITE_P95_MS."""

    rate: float
    """People a second."""
    seconds: int
    budgets: Mapping[str, float]
    """Milliseconds, of reads and of writes."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Raises Failure."""
        budgets = {
            "read": _positive(environment, "READ_P95_MS", 500),
            "write": _positive(environment, "WRITE_P95_MS", 1500),
        }
        seconds = math.ceil(_positive(environment, "DURATION", 30))
        return cls(_positive(environment, "RATE", 2), seconds, budgets)

    @property
    def people(self) -> float:
        """How many come."""
        return self.rate * self.seconds


def _positive(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= MOST:
        raise Failure(f"{name} must be a number above 0, at most {MOST}, and it is {text!r}.")
    return value


def missed(rows: Sequence[Row], budgets: Mapping[str, float], people: float) -> list[str]:
    """What is over its budget, in words; `people` is how many should have arrived."""
    calls = [row for row in rows if ": " in row["Name"]]
    if not calls:
        return ["nothing was measured"]
    said = [
        f"{row['Name']}: {row['Failure Count']} of {row['Request Count']} failed"
        for row in calls
        if row["Failure Count"] != "0"
    ]
    said += [
        f"{row['Name']}: p95 {row['95%']} ms, budget {budget(row, budgets):.0f} ms"
        for row in calls
        if float(row["95%"]) > budget(row, budgets)
    ]
    came = sum(int(row["Request Count"]) for row in calls if row["Name"] == SIGN_IN)
    if came < ARRIVED * people:
        said.append(f"{came} people came in place of {people:.0f}: visits took longer than they may")
    return said


def budget(row: Row, budgets: Mapping[str, float]) -> float:
    """Of reads or of writes."""
    return budgets[row["Name"].partition(": ")[0]]


def table(rows: Sequence[Row], budgets: Mapping[str, float]) -> str:
    """A line for each kind of call."""
    lines = [f"{'call':24}{'requests':>9}{'failed':>9}{'p50 ms':>9}{'p95 ms':>9}{'budget':>9}"]
    columns = ("Request Count", "Failure Count", "50%", "95%")
    for row in rows:
        if ": " in row["Name"]:
            figures = "".join(f"{row[column]:>9}" for column in columns)
            lines.append(f"{row['Name']:24}{figures}{budget(row, budgets):>9.0f}")
    return "\n".join(lines)
