"""What the person at the terminal asked for, from the environment: ROWS, QUICK, ROUNDS, GROWTH, REPORTS."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from infra.local.failure import Failure

REPORTS = Path(__file__).resolve().parents[1] / "reports"
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
BY_DEFAULT = 1_000_000
_UNITS = {"": 1, "k": 1000, "m": 1_000_000}


@dataclass(frozen=True)
class Options:
    """How much is measured, and where the reports go."""

    rows: Sequence[str]
    rounds: int
    seconds: int
    """Of one side in one round."""
    largest: int
    """Expenses in the largest table of the growth rows."""
    reports: Path
    quick: bool = False

    @classmethod
    def read(cls, environment: Mapping[str, str], known: Sequence[str]) -> Self:
        """Raises Failure, with what may be given instead."""
        quick = _switch(environment, "QUICK")
        rounds = number(environment, "ROUNDS", 3 if quick else 7)
        return cls(
            rows=_rows(environment.get("ROWS", ""), known),
            rounds=rounds,
            seconds=2 if quick else 5,
            largest=_size(environment.get("GROWTH") or str(100_000 if quick else BY_DEFAULT)),
            reports=Path(environment.get("REPORTS") or REPORTS),
            quick=quick,
        )

    @property
    def sizes(self) -> list[int]:
        """Of the growth rows, smallest first."""
        return [size for size in SIZES if size <= self.largest]


def _switch(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "")
    if text not in {"", "0", "1"}:
        raise Failure(f"{name} must be 0 or 1, and it is {text!r}.")
    return text == "1"


def number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise Failure(f"{name} must be a number from 1 to 100, and it is {text!r}.")
    return int(text)


def _rows(text: str, known: Sequence[str]) -> list[str]:
    """All of them, or those that are named, in the table's order."""
    asked = {name.strip().upper() for name in text.split(",") if name.strip()}
    by_upper = {name.upper(): name for name in known}
    if unknown := sorted(asked - by_upper.keys()):
        raise Failure(f"ROWS names {', '.join(unknown)}; there are {', '.join(known)}.")
    return [name for upper, name in by_upper.items() if not asked or upper in asked]


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+)([km]?)", text.lower())
    size = int(match[1]) * _UNITS[match[2]] if match else 0
    if size not in SIZES[1:]:
        raise Failure(f"GROWTH must be 100k, 1M or 10M, and it is {text!r}.")
    return size


def from_environment(known: Sequence[str]) -> Options:
    """Of this process."""
    return Options.read(os.environ, known)
