"""How long the request at hand may still take; every dependency gets at most what is left of it.

A request that asks Redis and then Postgres, both hung, must be told so within five seconds too.
"""

import time
from contextvars import ContextVar

REQUEST_SECONDS = 4.0  # the gateway gives a request up at 4.5

_ends: ContextVar[float] = ContextVar("ends")


def begin() -> None:
    """Called once for each request; what runs outside of one has no deadline."""
    _ends.set(time.monotonic() + REQUEST_SECONDS)


def at_most(seconds: float) -> float:
    """`seconds`, or what is left for the request when that is less; never below zero."""
    ends = _ends.get(None)
    return seconds if ends is None else max(0.0, min(seconds, ends - time.monotonic()))
