"""`make run`: starts everything, prints where it is, and stops all of it at Ctrl-C."""

import argparse
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from infra.local import bootstrap
from infra.local.failure import Failure
from infra.local.page import page
from infra.local.stack import Stack

HIGHEST_PORT = 65535


class Stopped(Exception):
    """A signal asked us to stop."""


def main() -> int:
    """The exit status."""
    arguments = _parse()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _on_signal)
    try:
        bootstrap.check_python()
        if arguments.install:
            bootstrap.install(arguments.install, develop=True)
            return 0
        return _run(Path(arguments.data), _port(arguments.port), demo=not arguments.no_demo)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    except Stopped:
        print("Stopped.")
        return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m infra.local", description=__doc__)
    parser.add_argument("--data", default=".local", help="folder for data, secrets and logs")
    parser.add_argument("--port", default="8080", help="the gateway's port on 127.0.0.1")
    parser.add_argument("--no-demo", action="store_true", help="without the demonstration's data")
    parser.add_argument("--install", nargs="+", metavar="FOLDER", help="only make these environments")
    return parser.parse_args()


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= HIGHEST_PORT:
        raise Failure(f"PORT must be a number from 1 to {HIGHEST_PORT}, and it is {text!r}.")
    return int(text)


def _run(data: Path, port: int, *, demo: bool) -> int:
    bootstrap.install(bootstrap.RUN, develop=False)
    started = time.monotonic()
    print(f"Starting on {data.absolute()} …", flush=True)
    stack = Stack(data, port=port, demo=demo)
    try:
        with stack:
            end = f"Ready after {time.monotonic() - started:.0f} s. Ctrl-C stops all of it; the data stays."
            print(page(stack.base_url, end), flush=True)
            while (part := stack.ended()) is None:
                time.sleep(0.2)
            raise Failure(f"{part.name} has ended; its log {part.log} ends:\n{part.last_lines()}")
    finally:
        _ignore_signals()


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    _ignore_signals()
    with suppress(OSError):  # the terminal may be gone
        print("\nStopping …", flush=True)
    raise Stopped


def _ignore_signals() -> None:
    """Stopping takes a second or two; a second Ctrl-C must not leave half of it behind."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    os.chdir(bootstrap.ROOT)
    sys.exit(main())
