"""`make docker-test`: checks that the running containers are shut as tight as they are meant to be.

Standard library only; asks the engine, and tries from inside. Prints a line a check.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

MAX_ADDED_BYTES = 130 * 1000 * 1000
SERVICES = ("auth", "expenses")
LONG_RUNNING = ("gateway", "auth", "expenses", "postgres", "redis-sessions", "redis-cache")

TRY_ADDRESS = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)
except OSError:
    sys.exit(3)
"""
TRY_DATABASE = """
import asyncio, asyncpg, pathlib, sys
password = pathlib.Path('/run/secrets/database_password').read_text().strip()
async def main():
    try:
        await asyncpg.connect(host='postgres', user=sys.argv[1], database=sys.argv[2], password=password, timeout=3)
    except asyncpg.PostgresError as error:
        sys.exit(f'refused {error.sqlstate}')
asyncio.run(main())
"""
TRY_WRITE = "import pathlib; pathlib.Path('/service/src/x').write_text('x')"
FORBIDDEN = ("gcc", "cc", "make", "git", "curl", "pip", "pip3")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """What a command said, whatever its exit status."""
    return subprocess.run(command, capture_output=True, text=True, check=False)


def inside(service: str, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python script in a service's container."""
    return run("docker", "compose", "exec", "-T", service, "python", "-c", script, *arguments)


def inspect(service: str) -> dict[str, Any]:
    """What the engine says about a service's container."""
    container = run("docker", "compose", "ps", "--quiet", service).stdout.strip()
    details: list[dict[str, Any]] = json.loads(run("docker", "inspect", container).stdout)
    return details[0]


def published_ports() -> bool:
    """The gateway's port, and no other."""
    found = {
        name: [port for port, bound in inspect(name)["NetworkSettings"]["Ports"].items() if bound]
        for name in LONG_RUNNING
    }
    return {name for name, ports in found.items() if ports} == {"gateway"} and len(found["gateway"]) == 1


def shut(service: str) -> bool:
    """No root, no capability, no new privilege, nothing to write to, limits."""
    details = inspect(service)
    host, config = details["HostConfig"], details["Config"]
    return (
        config["User"].split(":")[0] not in {"", "0", "root"}
        and host["CapDrop"] == ["ALL"]
        and not host["CapAdd"]
        and any(option.startswith("no-new-privileges") for option in host["SecurityOpt"])
        and host["ReadonlyRootfs"]
        and host["Memory"] > 0
        and host["PidsLimit"] > 0
        and not host["Privileged"]
        and not any("docker.sock" in bind for bind in host["Binds"] or [])
    )


def added_bytes(service: str) -> int:
    """What the image adds to its base."""
    sizes = [
        int(run("docker", "image", "inspect", "--format", "{{.Size}}", image).stdout)
        for image in (f"expense-api/{service}", "python:3.13-slim")
    ]
    return sizes[0] - sizes[1]


def without_tools(service: str) -> bool:
    """No compiler, package installer or download tool in the service's own environment or on PATH."""
    script = f"import shutil; raise SystemExit(any(map(shutil.which, {FORBIDDEN!r})))"
    return inside(service, script).returncode == 0 and inside(service, "import pip").returncode != 0


def without_secrets(service: str) -> bool:
    """No secret's text in the image's history or in the container's environment."""
    secrets = run("docker", "compose", "exec", "-T", service, "sh", "-c", "cat /run/secrets/*").stdout.split()
    history = run("docker", "history", "--no-trunc", f"expense-api/{service}").stdout
    text = history + json.dumps(inspect(service)["Config"])
    return len(secrets) > 1 and not any(secret in text for secret in secrets)


def checks() -> Iterator[tuple[str, Callable[[], bool]]]:
    """Each with its name; none depends on another."""
    yield "only the gateway's port is published", published_ports
    for name in LONG_RUNNING:
        yield f"{name}: no root, no capability, read-only, limited", lambda name=name: shut(name)
    for name in SERVICES:
        yield f"{name}: no build tool inside", lambda name=name: without_tools(name)
        yield f"{name}: no secret in image or environment", lambda name=name: without_secrets(name)
        yield f"{name}: cannot write where its code is", lambda name=name: inside(name, TRY_WRITE).returncode != 0
        size = f"{name}: image adds {added_bytes(name) / 1e6:.0f} MB, at most {MAX_ADDED_BYTES / 1e6:.0f}"
        yield size, lambda name=name: added_bytes(name) <= MAX_ADDED_BYTES
    pairs = (("expenses", "auth", "redis-sessions", "redis-cache"), ("auth", "expenses", "redis-cache", "redis-sessions"))
    for name, other, foreign, own in pairs:
        yield f"{name} reaches its own Redis", lambda n=name, o=own: inside(n, TRY_ADDRESS, o, "6379").returncode == 0
        yield f"{name} does not reach {other}'s Redis", lambda n=name, f=foreign: inside(n, TRY_ADDRESS, f, "6379").returncode == 3
        yield f"{name} reaches its own database", lambda n=name: inside(n, TRY_DATABASE, f"{n}_app", n).returncode == 0
        yield f"{name} is refused by {other}'s database", lambda n=name, o=other: "refused 42501" in inside(n, TRY_DATABASE, f"{n}_app", o).stderr


def main() -> int:
    """The exit status: 0 only if every check holds."""
    if not run("docker", "compose", "ps", "--quiet", "gateway").stdout.strip():
        print("The containers do not run: make up first.", file=sys.stderr)
        return 1
    failed = 0
    for name, holds in checks():
        good = holds()
        failed += not good
        print(f"  {'ok    ' if good else 'FAILED'}  {name}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
