"""Runs the whole product as processes of this machine: `python3 -m infra.local` (standard library only)."""

import sys
from types import TracebackType

OLDEST = (3, 11)

if sys.version_info < OLDEST:  # said here, before an import that an older Python does not know
    found = ".".join(map(str, sys.version_info[:2]))
    raise SystemExit(f"Python 3.11 or newer is needed, and this is {found}: try make PYTHON=python3.12 …")


def _end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Of Ctrl-C nobody needs to know at which line it came, which may be before a command can answer it."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _end
