"""`make docker-test`: checks that the running containers are shut as tight as they are meant to be.

Standard library only; asks the engine, and tries from inside. Prints a line a check.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
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
        await asyncpg.connect(
            host='postgres', user=sys.argv[1], database=sys.argv[2], password=password, timeout=3)
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


def small(service: str) -> bool:
    """At most 130 MB above its base."""
    return added_bytes(service) <= MAX_ADDED_BYTES


def reads_only(service: str) -> bool:
    """Its code cannot be changed where it runs."""
    return inside(service, TRY_WRITE).returncode != 0


def reaches(service: str, host: str) -> bool:
    """Whether a Redis can be connected to from a service; anything but yes or no fails the check."""
    status = inside(service, TRY_ADDRESS, host, "6379").returncode
    if status not in {0, 3}:
        raise RuntimeError(f"{service}: trying {host} ended with {status}")
    return status == 0


def opens(service: str, database: str) -> bool:
    """Whether a service's credentials open a database."""
    tried = inside(service, TRY_DATABASE, f"{service}_app", database)
    if tried.returncode and "refused 42501" not in tried.stderr:
        raise RuntimeError(f"{service}: trying {database} ended with {tried.stderr}")
    return tried.returncode == 0


def checks() -> Iterator[tuple[str, Callable[[], bool]]]:
    """Each with its name; none depends on another."""
    yield "only the gateway's port is published", published_ports
    for name in LONG_RUNNING:
        yield f"{name}: no root, no capability, read-only, limited", partial(shut, name)
    for name in SERVICES:
        yield f"{name}: no build tool inside", partial(without_tools, name)
        yield f"{name}: no secret in image or environment", partial(without_secrets, name)
        yield f"{name}: cannot write where its code is", partial(reads_only, name)
        yield f"{name}: image adds {added_bytes(name) / 1e6:.0f} MB, at most 130", partial(small, name)
    redis = {"auth": "redis-sessions", "expenses": "redis-cache"}
    for name, other in (SERVICES, SERVICES[::-1]):
        yield f"{name} reaches its own Redis", partial(reaches, name, redis[name])
        yield f"{name} does not reach the Redis of {other}", partial(fails, reaches, name, redis[other])
        yield f"{name} opens its own database", partial(opens, name, name)
        yield f"{name} does not open the database of {other}", partial(fails, opens, name, other)


def fails(check: Callable[[str, str], bool], *arguments: str) -> bool:
    """Whether a check does not hold."""
    return not check(*arguments)


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
