"""Who tries, and the buckets that count what fails."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request comes from: its network (rules.py), and its device cookie, known or not."""

    network: str
    device: str | None


class Kind(StrEnum):
    """How a bucket counts."""

    WINDOW = "window"
    DELAY = "delay"


@dataclass(frozen=True, slots=True)
class Bucket:
    """One count in Redis, under `key`.

    WINDOW: at most `most` within the last `seconds`. DELAY: free up to `most`, then a wait that
    doubles with each one more, up to `seconds`.
    """

    policy: str
    kind: Kind
    key: str
    most: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The bucket that refuses longest, and for how long."""

    bucket: Bucket
    wait_ms: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """An attempt that counts as failed until it is given back."""

    id: str
    buckets: tuple[Bucket, ...]
