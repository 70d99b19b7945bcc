"""What is found in a file that comes in, and what becomes of it."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from expenses_service.transfer.errors import Fault

MAX_ROWS: Final = 100_000
MAX_FAULTS: Final = 100
"""How many are told of one file; `failed` counts all."""


class Reading(Struct, frozen=True):
    """What the reading of a file came to; with `refused` none of it counts."""

    failed: int
    faults: Sequence[Fault]
    refused: Sequence[Fault] = ()


class Imported(Struct, frozen=True):
    """What an import did, or would do; `errors` are the first of what `failed`."""

    created: int
    updated: int
    unchanged: int
    failed: int
    errors: Sequence[Fault]


class Refusal(Struct, frozen=True):
    """A row that its user's data stands against; `first` is the line of the row that it repeats."""

    line: int
    code: str
    first: int | None
    category: str


class Plan(Struct, frozen=True):
    """How many staged rows will create and update an expense, or change nothing, or are refused."""

    created: int
    updated: int
    unchanged: int
    refused: int
    refusals: Sequence[Refusal]
