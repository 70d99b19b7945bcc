"""What was asked for before; what is asked for once needs nothing of Redis."""

from typing import Final

MOST: Final = 32_768
"""Keys of a generation, of which there are two: 7 MiB at most."""


class Doorkeeper:
    """Remembers the latest keys by their hashes.

    A key that is taken for another gets a place too early, and nothing else. After the doorkeeper
    of Einziger, Friedman and Manes, TinyLFU: a highly efficient cache admission policy (2017).
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._young: set[int] = set()
        self._old: set[int] = set()

    def knows(self, key: str) -> bool:
        """Whether `key` came before, among the latest; it has from now on."""
        name = hash(key)
        if name in self._young:
            return True
        known = name in self._old
        self._young.add(name)
        if len(self._young) >= self._most:
            self._old, self._young = self._young, set()
        return known
