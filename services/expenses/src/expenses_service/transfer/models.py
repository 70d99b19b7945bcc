"""A file as it goes out, and what is found in one that comes in."""

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from expenses_service.transfer.errors import Fault

MAX_ROWS: Final = 100_000
MAX_FAULTS: Final = 100
"""How many are told of one file; `failed` counts all."""


@dataclass(frozen=True, slots=True)
class Download:
    """A body that is made while it is sent; `chunks` is None for a client that has it already.

    `open` is to be closed when it is sent, or will not be.
    """

    etag: str
    name: str
    media_type: str
    chunks: AsyncIterator[bytes] | None
    open: ExitStack = field(default_factory=ExitStack)


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
