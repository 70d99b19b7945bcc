"""Which trace a request is part of (W3C Trace Context, level 1, 3.2)."""

import re
from collections.abc import Iterable

# Version 00 ends where later ones may append; there is no ff, and ids of zeros only are none.
_TRACEPARENT = re.compile(
    rb"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


def trace_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The trace that the one `traceparent` of `headers` names; None without a valid one."""
    given = [value for name, value in headers if name == b"traceparent"]
    match = _TRACEPARENT.fullmatch(given[0]) if len(given) == 1 else None
    return match[1].decode() if match else None
