"""Real processes for the tests: Traefik with the project's own files, and stand-ins for the services."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

GATEWAY = Path(__file__).parent.parent
START_SECONDS = 20
# One client for all: making one costs more than a request. No connection outlives its request.
PROBE = httpx.Client(timeout=2, limits=httpx.Limits(max_keepalive_connections=0))


def traefik_binary() -> str:
    """`TRAEFIK_BIN`, or the one of the environment that runs the tests, or the one on `PATH`."""
    beside = Path(sys.executable).parent / "traefik"
    found = os.environ.get("TRAEFIK_BIN") or (str(beside) if beside.exists() else shutil.which("traefik"))
    if not found:
        message = "no Traefik: `make install`, or set TRAEFIK_BIN"
        raise RuntimeError(message)
    return found


def free_port() -> int:
    """Below those that Linux gives to outgoing connections, of which other tests have many.

    UDP's port of that number stays bound as long as this process runs: by that, whoever else looks for one,
    here or beside, sees that it is spoken for before anything listens on it.
    """
    while True:
        port = random.randrange(20_000, 32_768)  # noqa: S311 - of no secret
        spoken_for = socket.socket(type=socket.SOCK_DGRAM)
        with suppress(OSError), socket.socket() as probe:  # somebody has it
            spoken_for.bind(("127.0.0.1", port))
            probe.bind(("127.0.0.1", port))
            spoken_for.detach()
            return port
        spoken_for.close()


def wait_until(happened: Callable[[], bool], seconds: float = START_SECONDS, what: str = "it") -> None:
    """Ask every 50 ms; fail when it has not happened after `seconds`."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)


def in_time(tried: Callable[[], bool]) -> None:
    """The first try is, or the two after it are: a moment may be slow, most of them are not."""
    assert tried() or (tried() and tried()), "late more than once"


def status_of(url: str) -> int:
    """Status of a GET, 0 when nothing answers."""
    try:
        return PROBE.get(url).status_code
    except httpx.TransportError:
        return 0


def stop(process: subprocess.Popen[bytes], how: int = signal.SIGTERM) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.send_signal(how)
    process.wait(timeout=15)


@dataclass
class Upstream:
    """One stand-in server of a service; it keeps its port over restarts."""

    service: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def control(self, **orders: int) -> dict[str, object]:
        """Give orders (`ready=0`, `release=1`); the answer is what it has seen."""
        answer: dict[str, object] = PROBE.get(f"{self.url}/control", params=orders, timeout=15).json()
        return answer

    def seen(self) -> list[str]:
        seen = self.control()["seen"]
        assert isinstance(seen, list)
        return seen

    def kill(self) -> None:
        stop(self.process, signal.SIGKILL)

    def restart(self) -> None:
        self.process = launch_upstream(self.service, self.port)


def launch_upstream(service: str, port: int) -> subprocess.Popen[bytes]:
    arguments = "--no-access-log --log-level warning --lifespan off --timeout-keep-alive 75 --http httptools"
    command = [sys.executable, "-m", "uvicorn", "upstream:app", *arguments.split()]
    command += ["--no-server-header", "--no-proxy-headers", "--timeout-graceful-shutdown", "1", "--port", str(port)]
    environment = os.environ | {"SERVICE": service}
    process = subprocess.Popen(command, cwd=Path(__file__).parent, env=environment)
    wait_until(lambda: status_of(f"http://127.0.0.1:{port}/livez") == 200, what=f"{service} up")
    return process


@contextmanager
def running_upstream(service: str) -> Iterator[Upstream]:
    port = free_port()
    upstream = Upstream(service, port, launch_upstream(service, port))
    try:
        yield upstream
    finally:
        stop(upstream.process, signal.SIGKILL)


@dataclass
class Gateway:
    """A running Traefik, and where its log is."""

    port: int
    process: subprocess.Popen[bytes]
    log_path: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        return self.log_path.read_text()


@contextmanager
def running_gateway(
    folder: Path, auth_url: str, expenses_url: str, source: Path = GATEWAY, **settings: str
) -> Iterator[Gateway]:
    """Run `start` of the configuration in `source`, its state and log in `folder`; not yet ready."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "TRAEFIK_BIN": traefik_binary(),
        "GATEWAY_ADDRESS": f"127.0.0.1:{port}",
        "GATEWAY_EXCHANGE_ADDRESS": f"127.0.0.1:{free_port()}",
        "GATEWAY_STATE": str(folder),
        "AUTH_URL": auth_url,
        "EXPENSES_URL": expenses_url,
    } | settings
    log_path = folder / "traefik.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen([source / "start"], env=environment, stdout=log, stderr=log)
    try:
        yield Gateway(port, process, log_path)
    finally:
        stop(process)


def loaded(gateway: Gateway) -> bool:
    """Whether it has its routes; AssertionError with its log when it has ended."""
    assert gateway.process.poll() is None, gateway.log()
    return status_of(f"{gateway.url}/healthz") == 200


@contextmanager
def ready_gateway(folder: Path, auth_url: str, expenses_url: str, **settings: str) -> Iterator[Gateway]:
    with running_gateway(folder, auth_url, expenses_url, GATEWAY, **settings) as gateway:
        wait_until(lambda: loaded(gateway), what="routes loaded")
        yield gateway


def edited_copy(folder: Path, file: str, *edits: tuple[str, str]) -> Path:
    """Copy the configuration to `folder` with each text replaced once; every text must be there."""
    copy = folder / "gateway"
    shutil.copytree(GATEWAY / "dynamic", copy / "dynamic")
    for name in ("traefik.yml", "start"):
        shutil.copy(GATEWAY / name, copy / name)
    text = (copy / file).read_text()
    for old, new in edits:
        assert old in text, f"{file} has no {old!r}"
        text = text.replace(old, new, 1)
    (copy / file).write_text(text)
    return copy
