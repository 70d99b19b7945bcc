"""`make rollout SVC=auth|expenses`: replaces a service of a running stack while requests go on (ADR 0021).

The new one starts beside the old one, on a port of its own, and the gateway moves there. Then the one on
the service's own port is replaced, and the gateway moves back: every address that others know stays.
"""

import argparse
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request

from infra.local import bootstrap, control, exchange, operate
from infra.local.bootstrap import ROOT
from infra.local.compose import Compose
from infra.local.failure import Failure
from infra.local.parts import Place, build, get
from infra.local.stack import SERVICES, Stack

MOVE_SECONDS = 10.0
# A request that the gateway took before it moved may still have to reach the old one: the same time
# that a container waits on SIGTERM (…_DRAIN_SECONDS).
SETTLE_SECONDS = 3.0


def rollout(stack: Stack, service: str, say: Callable[[str], None]) -> None:
    """Replace `service`; when the new one does not become ready, the old one goes on. Raises Failure."""
    if not bootstrap.is_current(ROOT / "services" / service):
        raise Failure(f"services/{service} needs other packages than it runs with: stop it and make run.")
    stack.migrate(service)
    if not stack.spare(service):
        say(f"Starting the new {service} …")
        _start(stack.start_spare, stack.stop_spare, service)
    _move(stack, service, stack.spare(service) or stack.place)
    say(f"The old {service} finishes what it has begun …")
    time.sleep(SETTLE_SECONDS)
    stack.stop(service)
    _start(stack.start, stack.stop, service)  # should this one fail, the one beside it goes on
    _move(stack, service, stack.place)
    time.sleep(SETTLE_SECONDS)
    stack.stop_spare(service)
    say(f"{service} is replaced.")


def _start(start: Callable[[str], None], stop: Callable[[str], None], service: str) -> None:
    """Leave nothing behind of one that does not become ready: a part that has ended stops the stack."""
    try:
        start(service)
    except Failure:
        stop(service)
        raise


def _move(stack: Stack, service: str, to: Place) -> None:
    """Have the gateway send what it gets for `service` there, and see that it does. Raises Failure."""
    environment = {**build("gateway", stack.place).environment, f"{service.upper()}_URL": to.url(service)}
    subprocess.run([str(ROOT / "gateway/start"), "servers"], env=environment, check=True)
    deadline = time.monotonic() + MOVE_SECONDS
    while not _arrives(stack, service, to):
        if time.monotonic() > deadline:
            raise Failure(f"The gateway does not send to {to.url(service)}; what was there goes on.")
        time.sleep(0.1)


def _arrives(stack: Stack, service: str, at: Place) -> bool:
    """Whether a request comes out at `at`, by the gateway's own log, which names it and the server."""
    name = f"rollout-{secrets.token_hex(8)}"
    request = Request(
        f"{stack.base_url}/api/v1/{service}/openapi.json", method="HEAD", headers={"X-Request-ID": name}
    )
    try:
        get(request, MOVE_SECONDS).close()
    except HTTPError as error:
        error.close()
        return False
    server = f'"ServiceAddr":"{at.url(service).removeprefix("http://")}"'
    for _ in range(20):
        if lines := [line for line in stack.log("gateway").splitlines() if name in line]:
            return server in lines[0]
        time.sleep(0.1)
    return False


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
    return 0


if __name__ == "__main__":
    os.chdir(bootstrap.ROOT)
    sys.exit(main())
