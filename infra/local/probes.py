"""Asks a running part whether it is ready, and which version it is."""

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import urllib.error
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from infra.local import servers
from infra.local.parts import HOST, Place, get

SECONDS = 3.0  # as long as the gateway waits for /readyz
_NUMBER = re.compile(r"\d+(\.\d+)+")
_GREETING = re.compile(rb"\r\nserver\r\n\$\d+\r\n([^\r]+)\r\n\$7\r\nversion\r\n\$\d+\r\n([^\r]+)\r\n")
_LAST = re.compile(rb"(^|\r\n)(\+PONG|-[^\r]*)\r\n$")


@dataclass(frozen=True)
class Found:
    """What a part says; `ready` is None when it says nothing in time."""

    ready: bool | None
    version: str = ""
    detail: str = ""


def ask(place: Place, name: str) -> Found:
    """The part `name` of the stack at `place`; whatever state that is in, this returns within seconds."""
    try:
        return _PROBES[name](place)
    except (TimeoutError, subprocess.TimeoutExpired):
        return Found(None, detail=f"no answer within {SECONDS:.0f} s")
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)  # urllib wraps what the socket said
        if isinstance(reason, TimeoutError):
            return Found(None, detail=f"no answer within {SECONDS:.0f} s")
        return Found(ready=False, detail=str(reason))


def number(text: str) -> str:
    """The first version number in what a program says of itself."""
    found = _NUMBER.search(text)
    return found[0] if found else ""


def _postgres(place: Place) -> Found:
    """A query, since pg_isready is content with a server that lets nobody in."""
    command = [str(servers.postgres("psql")), *servers.connection(place.ports["postgres"]), "-d", "postgres"]
    environment = os.environ | servers.superuser(place.secrets / "postgres/superuser_password")
    done = subprocess.run(
        [*command, "-XAtc", "SHOW server_version"],
        env=environment, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    detail = (done.stderr.strip().splitlines() or [""])[-1]
    return Found(done.returncode == 0, number(done.stdout), detail)


def _valkey(name: str) -> Callable[[Place], Found]:
    """HELLO greets every user with the server's name and version, whatever else that user may do."""

    def probe(place: Place) -> Found:
        with socket.create_connection((HOST, place.ports[name]), timeout=SECONDS) as connection:
            connection.sendall(b"HELLO 2 AUTH health any\r\nPING\r\n")
            said = b""
            while not _LAST.search(said):
                received = connection.recv(4096)
                if not received:
                    break
                said += received
        greeting = _GREETING.search(said)
        version = greeting[2].decode() if greeting else ""
        ready = said.endswith(b"+PONG\r\n")
        return Found(ready, version, "" if ready else said.decode(errors="replace").strip().splitlines()[-1])

    return probe


def _service(name: str) -> Callable[[Place], Found]:
    def probe(place: Place) -> Found:
        version = ""
        try:
            with get(f"{place.url(name)}/api/v1/{name}/openapi.json", SECONDS) as answer:
                version = str(json.load(answer)["info"]["version"])
            with get(f"{place.url(name)}/readyz", SECONDS):
                return Found(ready=True, version=version)
        except urllib.error.HTTPError as refused:
            with refused:
                failing = json.load(refused).get("failing", [])
            return Found(ready=False, version=version, detail=f"fails: {', '.join(failing) or refused.code}")

    return probe


def _gateway(place: Place) -> Found:
    """It tells nobody its version: that is asked of the program, which a start alone can change."""
    said = subprocess.run(
        [str(servers.TRAEFIK), "version"], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    version = number(said.stdout)
    try:
        with get(f"{place.origin}/healthz", SECONDS):
            return Found(ready=True, version=version)
    except urllib.error.HTTPError as refused:
        refused.close()
        return Found(ready=False, version=version, detail="its routes are not loaded")
    except ssl.SSLError as error:
        return Found(ready=False, version=version, detail=str(error))


_PROBES: Mapping[str, Callable[[Place], Found]] = {
    "postgres": _postgres,
    "sessions": _valkey("sessions"),
    "cache": _valkey("cache"),
    "auth": _service("auth"),
    "expenses": _service("expenses"),
    "gateway": _gateway,
}
