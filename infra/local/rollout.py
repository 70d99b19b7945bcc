"""`make rollout SVC=auth|expenses`: replaces a service of a running stack while requests go on (ADR 0021).

The new one starts beside the old one, on a port of its own, and the gateway moves there. Then the one on
the service's own port is replaced, and the gateway moves back: every address that others know stays.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from infra.local import bootstrap, control, exchange, moves, operate
from infra.local.bootstrap import ROOT
from infra.local.compose import Compose
from infra.local.failure import Failure
from infra.local.stack import SERVICES, Stack

# So long the new release has to serve before the one that could take over again is ended.
TRIAL_SECONDS = 10.0
# A request that the gateway took before it moved may still have to reach the one it moved from: the same
# time that a container waits on SIGTERM (…_DRAIN_SECONDS).
SETTLE_SECONDS = 3.0


def rollout(stack: Stack, service: str, say: Callable[[str], None]) -> None:
    """Replace `service`; whatever fails on the way, one that serves goes on. Raises Failure."""
    if not bootstrap.is_current(ROOT / "services" / service):
        raise Failure(f"services/{service} needs other packages than it runs with: stop it and make run.")
    moves.check(stack.place)
    _migrate(stack, service)
    say(f"Starting the new {service} …")
    with stack.trying(f"{service}-next"):
        _to_spare(stack, service, say)
    with stack.trying(service):
        stack.stop(service)
        _to_own_port(stack, service)
    stack.stop_spare(service)
    say(f"{service} is replaced.")


def _migrate(stack: Stack, service: str) -> None:
    try:
        stack.migrate(service)
    except Failure as failure:
        if not stack.has(service):  # an earlier rollout ended half-way
            raise
        raise Failure(f"{failure}\nThe old {service} serves, as before.") from None


def _to_spare(stack: Stack, service: str, say: Callable[[str], None]) -> None:
    """One of the new release serves on a port of its own, and the old one has nothing to do any more."""
    spare = f"{service}-next"
    try:
        if not stack.has(spare):  # else an earlier rollout ended half-way
            stack.start_spare(service)
        moves.move(stack, service, spare)
        say(f"The old {service} finishes what it has begun …")
        _watch(stack, spare, TRIAL_SECONDS)
    except (Failure, OSError) as failure:
        if not stack.has(service):
            raise
        _back(stack, service, service, failure)
        stack.stop_spare(service)
        raise Failure(f"{failure}\nThe old {service} serves, as before.") from None


def _to_own_port(stack: Stack, service: str) -> None:
    """Another one of the new release serves where others expect the service."""
    try:
        stack.start(service)
        moves.move(stack, service, service)
        _watch(stack, service, SETTLE_SECONDS)
    except (Failure, OSError) as failure:
        _back(stack, service, f"{service}-next", failure)
        stack.stop(service)
        raise Failure(
            f"{failure}\nThe new one beside it, {service}-next, serves; {service} itself does not run:"
            f" make rollout SVC={service} goes on from here."
        ) from None


def _back(stack: Stack, service: str, name: str, failure: Exception) -> None:
    """Undo a move that may have been made; where that fails too, both go on as they are. Raises Failure."""
    try:
        moves.move(stack, service, name)
    except (Failure, OSError) as another:
        raise Failure(f"{failure}\n{another}\nmake status says what runs.") from None


def _watch(stack: Stack, name: str, seconds: float) -> None:
    """Wait; it has to be alive and ready all along, but for one answer that is late. Raises Failure."""
    end = time.monotonic() + seconds
    while not (stack.trouble(name) and (trouble := stack.trouble(name))):
        if time.monotonic() > end:
            return
        time.sleep(0.2)
    raise Failure(trouble)


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m infra.local.rollout", description=__doc__)
    parser.add_argument("service", choices=SERVICES)
    parser.add_argument("--data", default=".local", help="the folder of the stack")
    parser.add_argument("--compose", help="of the containers, with this command")
    given = parser.parse_args()
    try:
        if given.compose:
            exchange.rollout(Compose.of(given.compose), given.service, print)
        else:
            operate.find(Path(given.data))
            control.ask(Path(given.data), {"do": "rollout", "service": given.service})
    except (Failure, subprocess.TimeoutExpired) as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: make status says what runs.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    os.chdir(bootstrap.ROOT)
    sys.exit(main())
