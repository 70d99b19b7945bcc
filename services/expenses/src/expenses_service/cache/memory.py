"""Whole answers in the memory of this process, bounded in bytes; the least used go first."""

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from expenses_service.header_fields import Field

MOST_BYTES: Final = 32 * 1024 * 1024
MOST_OF_ONE: Final = 1024 * 1024
OVERHEAD: Final = 1024
"""What an answer takes beside body, key and fields: objects; 0.9 KB with usual fields."""
UNUSED_SECONDS: Final = 3600

Key = tuple[str, str, bytes]
"""User, path and query, as they were sent; texts, since they know their hashes."""


@dataclass(slots=True)
class Kept:
    """An answer as the route sent it, and the data version that it is of.

    `body` is None when the client had it already: then the answer is good for who has it too.
    """

    version: int
    etag: str
    fields: Sequence[Field]
    body: bytes | None
    route: object
    used_at: float = field(default_factory=time.monotonic)


class Memory:
    """Nothing in it is served before its version is confirmed, so nothing in it is ever wrong."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._answers: OrderedDict[Key, Kept] = OrderedDict()

    def __contains__(self, key: Key) -> bool:
        """Whether there is an answer to `key`, which this is no use of."""
        return key in self._answers

    def get(self, key: Key) -> Kept | None:
        """The last answer to `key`, of whatever version."""
        kept = self._answers.get(key)
        if kept is not None:
            kept.used_at = time.monotonic()
            self._answers.move_to_end(key)
        return kept

    def keep(self, key: Key, kept: Kept) -> None:
        """In place of an older one; what was not used for an hour goes too, as it goes from Redis.

        One of the same version without a body takes the place of none: it is good for less.
        """
        old = self._answers.get(key)
        if old is not None and (old.version, kept.body) == (kept.version, None):
            return
        self._forget(key)
        if _size(key, kept) > MOST_OF_ONE:
            return
        self._answers[key] = kept
        self._bytes += _size(key, kept)
        while self._bytes > self._most_bytes or self._oldest() < kept.used_at - UNUSED_SECONDS:
            self._forget(next(iter(self._answers)))

    @property
    def size(self) -> int:
        """The bytes that all of it takes."""
        return self._bytes

    def _oldest(self) -> float:
        return next(iter(self._answers.values())).used_at

    def _forget(self, key: Key) -> None:
        kept = self._answers.pop(key, None)
        if kept is not None:
            self._bytes -= _size(key, kept)


def _size(key: Key, kept: Kept) -> int:
    fields = sum(len(name) + len(value) for name, value in kept.fields)
    return len(key[1]) + len(key[2]) + fields + len(kept.body or b"") + OVERHEAD
