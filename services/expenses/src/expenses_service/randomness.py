"""Random bytes of the system (getrandom(2)), drawn for many at once: a create asks for them twice.

Each call of the system takes as long as all else that an id takes.
"""

import os
from collections import deque
from typing import Final

BLOCK_BYTES: Final = 16
_BLOCKS: Final = 256

_drawn: deque[bytes] = deque()
os.register_at_fork(after_in_child=_drawn.clear)


def random_block() -> bytes:
    """16 bytes that nobody else gets, in whatever thread or process."""
    try:
        return _drawn.popleft()
    except IndexError:
        drawn = os.urandom(BLOCK_BYTES * _BLOCKS)
    first, *others = (drawn[at : at + BLOCK_BYTES] for at in range(0, len(drawn), BLOCK_BYTES))
    _drawn.extend(others)
    return first
