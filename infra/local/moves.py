"""Has the gateway send what it gets for a service to another server, and sees that it does (ADR 0021)."""

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request

from infra.local import servers
from infra.local.bootstrap import ROOT
from infra.local.failure import Failure
from infra.local.parts import Place, base_environment, get
from infra.local.process import runs
from infra.local.stack import Stack

MOVE_SECONDS = 10.0


def check(place: Place) -> None:
    """See that the gateway's files, which a move gives to it, are whole. Raises Failure with which is not."""
    command = [sys.executable, str(ROOT / "gateway/check.py"), str(place.gateway)]
    environment = {**base_environment(place.data), "TRAEFIK_BIN": str(servers.TRAEFIK)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(
            f"The gateway's files in {place.gateway} cannot be used, and nothing was changed:\n"
            f"{done.stderr.strip()}"
        )


def move(stack: Stack, service: str, name: str) -> None:
    """Send to the part `name`, which is `service` or the one beside it. Raises Failure."""
    place = stack.places.get(name, stack.place)
    url = place.url(service)
    stack.sent[service] = place.ports[service]
    gateway = stack.build("gateway")
    done = subprocess.run(
        [*gateway.command, "servers"], env=dict(gateway.environment),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Failure(f"The gateway cannot be told where {name} is: {done.stderr.strip()}")
    deadline = time.monotonic() + MOVE_SECONDS
    while not _arrives(stack, service, url):
        if time.monotonic() > deadline:
            raise Failure(f"The gateway was told to send to {name} at {url}, and does not.")
        time.sleep(0.1)


def _arrives(stack: Stack, service: str, url: str) -> bool:
    """Whether a request comes out at `url`, by the gateway's own log, which names it and the server."""
    name = f"rollout-{secrets.token_hex(8)}"
    request = Request(
        f"{stack.base_url}/api/v1/{service}/openapi.json", method="HEAD", headers={"X-Request-ID": name}
    )
    with _written(stack).open("rb") as log:
        log.seek(0, os.SEEK_END)  # what was before may be large
        try:
            get(request, MOVE_SECONDS).close()
        except HTTPError as error:
            error.close()
            return False
        except OSError as error:
            raise Failure(f"The gateway does not answer: {error}") from None
        said = b""
        for _ in range(20):
            said += log.read()
            if lines := [line for line in said.split(b"\n")[:-1] if name.encode() in line]:
                return f'"ServiceAddr":"{url.removeprefix("http://")}"'.encode() in lines[0]
            time.sleep(0.1)
    return False


def _written(stack: Stack) -> Path:
    """The gateway's log as the gateway has it open, also when the file was removed or is another by now."""
    if (pid := runs(stack.data, "gateway")) is None:
        raise Failure("The gateway does not run.")
    return Path(f"/proc/{pid}/fd/1")
