"""The versions of expenses that a file is made of, as they were at one moment.

A version never changes once it is written, so pins let a file come from one snapshot however slowly
it is read, and no transaction stays open for its reader. An expense costs 20 bytes: in memory up to
1 MiB, above that in a temporary file.
"""

from collections.abc import Iterable
from struct import Struct
from tempfile import SpooledTemporaryFile
from typing import Final
from uuid import UUID

Pin = tuple[UUID, int]
"""An expense's id and version."""

_PIN: Final = Struct("=16sI")
_IN_MEMORY: Final = 1024 * 1024


class Pins:
    """Pins in the order in which they were added; to be closed."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - `close` is ours

    def add(self, pins: Iterable[Pin]) -> None:
        """Append some."""
        self._file.write(b"".join(_PIN.pack(pin.bytes, version) for pin, version in pins))

    def part(self, at: int, size: int) -> list[Pin]:
        """Up to `size` of them, from the one at place `at`."""
        self._file.seek(at * _PIN.size)
        block = self._file.read(size * _PIN.size)
        return [(UUID(bytes=raw), version) for raw, version in _PIN.iter_unpack(block)]

    def close(self) -> None:
        """Forget them."""
        self._file.close()
