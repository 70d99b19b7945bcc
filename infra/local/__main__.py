"""`make run`: starts everything, prints where it is, and stops all of it at Ctrl-C."""

import argparse
import os
import signal
import sys
import time
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from shlex import quote
from types import FrameType

from infra.local import bootstrap, requests
from infra.local.control import Control
from infra.local.failure import Failure
from infra.local.page import page
from infra.local.revive import Reviver
from infra.local.stack import Stack

HIGHEST_PORT = 65535
AGAIN_SECONDS = 0.5


class Stopped(BaseException):
    """A signal asked us to stop: as with KeyboardInterrupt, nobody on the way takes it for an error."""


def main() -> int:
    """The exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no "…" still gets the sentence
    arguments = _parse()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, _on_signal)
    try:
        bootstrap.check_python()
        if arguments.install:
            bootstrap.install(arguments.install, develop=True)
            return 0
        return _run(arguments)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    except OSError as error:  # such as a full disk: it names the file, and nothing runs any more
        print(f"The stack cannot go on, and was stopped: {error}.", file=sys.stderr)
        return 1
    except Stopped:
        signal.setitimer(signal.ITIMER_REAL, 0)
        with suppress(OSError):  # the terminal may be gone
            print("Stopped.")
        return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m infra.local", description=__doc__)
    parser.add_argument("--data", default=".local", help="folder for data, secrets and logs")
    parser.add_argument("--port", default="8080", help="the gateway's port on 127.0.0.1")
    parser.add_argument("--no-demo", action="store_true", help="without the demonstration's data")
    parser.add_argument("--tls", action="store_true", help="https, with TLS_CERT_FILE and TLS_KEY_FILE")
    parser.add_argument("--install", nargs="+", metavar="FOLDER", help="only make these environments")
    return parser.parse_args()


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= HIGHEST_PORT:
        raise Failure(f"PORT must be a number from 1 to {HIGHEST_PORT}, and it is {text!r}.")
    return int(text)


def _run(arguments: argparse.Namespace) -> int:
    parent, data, port = os.getppid(), Path(arguments.data), _port(arguments.port)
    bootstrap.install(bootstrap.RUN, develop=False)
    started = time.monotonic()
    print(f"Starting on {data.absolute()} …", flush=True)
    with Stack(data, port=port, demo=not arguments.no_demo, tls=arguments.tls) as stack:
        ready = f"Ready after {time.monotonic() - started:.0f} s."
        end = f"{stack.said}{ready} Ctrl-C stops all of it; the data stays."
        trusting = f"--cacert {quote(str(stack.place.certificate))} " if arguments.tls else ""
        print(page(stack.base_url, end, trusting), flush=True)
        reviver = Reviver(stack, lambda text: print(text, flush=True))
        with reviver, Control(stack.data, requests.handlers(stack)) as control:
            while (part := reviver.given_up()) is None:
                if "MAKELEVEL" in os.environ and os.getppid() != parent:
                    raise Stopped  # make was killed, and nobody could press Ctrl-C here any more
                control.serve(0.2)
        said = f"its log {part.log} ends:\n{part.last_lines()}"
        raise Failure(f"{part.name} has ended {part.end} too often; {said}")


def _on_signal(number: int, _frame: FrameType | None) -> None:
    """Stop, once: a second Ctrl-C while all is being stopped must not leave half of it behind.

    Python drops what is raised in some places (a fork is one), so it is raised again until it is heard.
    """
    if Stack.closing:
        return
    signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
    if number != signal.SIGALRM:
        with suppress(OSError, RuntimeError):  # the terminal is gone, or was being written to
            print("\nStopping …", flush=True)
    raise Stopped


if __name__ == "__main__":
    os.chdir(bootstrap.ROOT)
    sys.exit(main())
