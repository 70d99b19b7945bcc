"""`make docker-test`: checks that the running containers are shut as tight as they are meant to be.

Standard library only; asks the engine, and tries from inside. Prints a line a check.
"""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

BASE = "python:3.13-slim"
MAX_ADDED_BYTES = 130 * 1000 * 1000
OK = 200
UNAVAILABLE = 503
RESTART_SECONDS = 30
SERVICES = ("auth", "expenses")
LONG_RUNNING = ("gateway", "auth", "expenses", "postgres", "redis-sessions", "redis-cache")
JOBS = ("secrets", "databases", "auth-migrate", "expenses-migrate")
DATA_NETWORKS = ("edge", "auth-data", "expenses-data")

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
FIND_LEFTOVERS = """
import pathlib
places = {'/root/.cache': '*', '/tmp': '*', '/var/cache/apt': '*.deb', '/var/lib/apt/lists': '*_Packages*'}
places |= {'/venv': '*.[ch]', '/venv/lib': '*.pyx', '/service': '*.whl'}
found = [path for name, kind in places.items() for path in pathlib.Path(name).rglob(kind)]
print(*[path for path in found if path.is_file()], 'end', sep='\\n')
"""
FORBIDDEN = ("gcc", "cc", "make", "git", "curl", "wget", "strip", "pip", "pip3")
# proc_pid_status(5): what the kernel knows of a container's first process
CONFINED = {"CapPrm": 0, "CapEff": 0, "CapBnd": 0, "CapAmb": 0, "NoNewPrivs": 1, "Seccomp": 2}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """What a command said, whatever its exit status."""
    return subprocess.run(command, capture_output=True, text=True, check=False)


def inside(service: str, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python script in a service's container."""
    return run("docker", "compose", "exec", "-T", service, "python", "-c", script, *arguments)


def inspect(service: str) -> dict[str, Any]:
    """What the engine says about a service's container."""
    container = run("docker", "compose", "ps", "--all", "--quiet", service).stdout.strip()
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
        and host["NanoCpus"] > 0
        and host["LogConfig"]["Config"].keys() == {"max-size", "max-file"}
    )


def confined(service: str) -> bool:
    """The kernel agrees: not root, no capability now or ever, no way to more."""
    status = run("docker", "compose", "exec", "-T", service, "cat", "/proc/1/status").stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return (
        "0" not in fields["Uid"].split()
        and "0" not in fields["Gid"].split()
        and all(int(fields[name], 16) == value for name, value in CONFINED.items())
    )


def own_files(service: str) -> bool:
    """Nothing of the host but read-only files, and of the secrets the service's own folder at most."""
    mounts = [mount for mount in inspect(service)["Mounts"] if mount["Type"] == "bind"]
    folders = [mount["Source"] for mount in mounts if ".secrets" in mount["Source"]]
    return (
        not any(mount["RW"] or mount["Source"].endswith("docker.sock") for mount in mounts)
        and len(folders) <= 1
        and all(folder.endswith(f"/.secrets/{service}") for folder in folders)
    )


def done(job: str) -> bool:
    """A job has ended well."""
    state = inspect(job)["State"]
    return (state["Status"], state["ExitCode"]) == ("exited", 0)


def internal(network: str) -> bool:
    """No way out of a network, and none in from the host's other interfaces."""
    project = inspect("gateway")["Config"]["Labels"]["com.docker.compose.project"]
    name = f"{project}_{network}"
    return run("docker", "network", "inspect", "--format", "{{.Internal}}", name).stdout.strip() == "true"


def added_bytes(service: str) -> int:
    """What the image adds to its base."""
    sizes = [
        int(run("docker", "image", "inspect", "--format", "{{.Size}}", image).stdout)
        for image in (inspect(service)["Image"], BASE)
    ]
    return sizes[0] - sizes[1]


def without_tools(service: str) -> bool:
    """No compiler, package installer or download tool in the service's own environment or on PATH."""
    script = f"import shutil; raise SystemExit(any(map(shutil.which, {FORBIDDEN!r})))"
    return inside(service, script).returncode == 0 and inside(service, "import pip").returncode != 0


def without_caches(service: str) -> bool:
    """The image adds nothing that only building needs: downloads, package lists, sources of modules."""
    return leftovers(inspect(service)["Image"]) <= leftovers(BASE)


def leftovers(image: str) -> set[str]:
    """What only building needs. Raises ValueError when nobody could look."""
    options = ("--rm", "--network", "none", "--user", "0:0")  # who may read all of it
    found = run("docker", "run", *options, image, "python", "-c", FIND_LEFTOVERS).stdout.splitlines()
    if found[-1:] != ["end"]:
        raise ValueError(f"{image} does not tell what is in it")
    return set(found[:-1])


def without_secrets(service: str) -> bool:
    """No secret's text in the image's history or in the container's environment."""
    words = run("docker", "compose", "exec", "-T", service, "sh", "-c", "cat /run/secrets/*").stdout.split()
    history = run("docker", "history", "--no-trunc", inspect(service)["Image"]).stdout
    text = history + json.dumps(inspect(service)["Config"])
    return len(words) > 1 and not any(word in text for word in words)


def small(service: str) -> bool:
    """At most 130 MB above its base."""
    return added_bytes(service) <= MAX_ADDED_BYTES


def reads_only(service: str) -> bool:
    """Its code cannot be changed where it runs."""
    return inside(service, TRY_WRITE).returncode != 0


def reaches(service: str, host: str) -> bool:
    """Whether a Redis answers a service, by name or address; anything but yes or no fails the check."""
    networks = inspect(host)["NetworkSettings"]["Networks"].values()
    places = [host, *(network["IPAddress"] for network in networks)]
    statuses = {inside(service, TRY_ADDRESS, place, "6379").returncode for place in places}
    if not statuses <= {0, 3}:
        raise RuntimeError(f"{service}: trying {places} ended with {statuses}")
    return 0 in statuses


def metrics_within() -> bool:
    """The gateway tells Prometheus in `edge`, and does not listen for that where its port is published."""
    details = inspect("gateway")
    networks = details["NetworkSettings"]["Networks"]
    outside = next(each["IPAddress"] for name, each in networks.items() if name.endswith("_public"))
    beside = ("docker", "run", "--rm", "--network", f"container:{details['Id']}", BASE)
    ask = (*beside, "python", "-c", TRY_ADDRESS, outside)
    listens = [run(*ask, port).returncode for port in ("8080", "8077")]
    return inside("auth", TRY_ADDRESS, "gateway-metrics", "8077").returncode == 0 and listens == [0, 3]


def opens(service: str, database: str) -> bool:
    """Whether a service's credentials open a database."""
    tried = inside(service, TRY_DATABASE, f"{service}_app", database)
    if tried.returncode and "refused 42501" not in tried.stderr:
        raise RuntimeError(f"{service}: trying {database} ended with {tried.stderr}")
    return tried.returncode == 0


def post(browser: OpenerDirector, path: str, document: dict[str, str] | None = None) -> int:
    """The status of a POST through the gateway."""
    port = inspect("gateway")["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostPort"]
    body = json.dumps(document).encode() if document else b""
    request = Request(f"http://localhost:{port}/api/v1/auth/{path}", body, method="POST")
    if document:
        request.add_header("Content-Type", "application/json")
    try:
        with browser.open(request, timeout=30) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code


def sessions_last() -> bool:
    """A session outlives a restart of its Redis, which reads it back from its append-only file."""
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    person = {"email": f"check-{secrets.token_hex(8)}@example.com", "password": secrets.token_urlsafe(16)}
    post(browser, "register", person)
    if post(browser, "login", person) != OK:
        return False
    run("docker", "compose", "restart", "redis-sessions")
    deadline = time.monotonic() + RESTART_SECONDS
    while (status := post(browser, "refresh")) == UNAVAILABLE and time.monotonic() < deadline:
        time.sleep(0.5)
    return status == OK


def checks() -> Iterator[tuple[str, Callable[[], bool]]]:
    """Each with its name; none depends on another."""
    yield "only the gateway's port is published", published_ports
    for name in LONG_RUNNING:
        yield f"{name}: no root, no capability, read-only, limited", partial(shut, name)
        yield f"{name}: the same in the eyes of the kernel", partial(confined, name)
        yield f"{name}: no file of the host or of another", partial(own_files, name)
    for name in JOBS:
        yield f"{name}: ended well", partial(done, name)
    for name in DATA_NETWORKS:
        yield f"network {name}: no way out", partial(internal, name)
    for name in SERVICES:
        yield f"{name}: no build tool inside", partial(without_tools, name)
        yield f"{name}: no download, package list or source of a build inside", partial(without_caches, name)
        yield f"{name}: no secret in image or environment", partial(without_secrets, name)
        yield f"{name}: cannot write where its code is", partial(reads_only, name)
        yield f"{name}: image adds {added_bytes(name) / 1e6:.0f} MB, at most 130", partial(small, name)
    yield "gateway: metrics in the network edge alone", metrics_within
    redis = {"auth": "redis-sessions", "expenses": "redis-cache"}
    for name, other in (SERVICES, SERVICES[::-1]):
        yield f"{name} reaches its own Redis", partial(reaches, name, redis[name])
        yield f"{name} does not reach the Redis of {other}", partial(fails, reaches, name, redis[other])
        yield f"{name} opens its own database", partial(opens, name, name)
        yield f"{name} does not open the database of {other}", partial(fails, opens, name, other)
    yield "sessions outlive a restart of their Redis", sessions_last


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
