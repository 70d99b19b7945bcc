"""Two replicas of each service behind the real gateway, with a proxy on every way between parts.

    with wired() as stack:
        stack.kill("expenses-2"); stack.start("expenses-2"); stack.signal("auth", SIGSTOP)
        with stack.having(("expenses", "postgres"), Trouble(silent=True)): …
        stack.wire("gateway", "auth-2").cut()
        with stack.clock("expenses-2", seconds=60): …

The parts are postgres, sessions, cache, auth, auth-2, expenses, expenses-2 and gateway. Each replica has a
proxy of its own to what it needs, so that one can be cut off while the other works. A replica of expenses
asks either auth, first the one of its own number. `url` leads to a replica past the gateway.
"""

import os
import shutil
import struct
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from faults.proxy import Wire, Wires
from faults.trouble import Trouble
from infra.local import bootstrap, ports
from infra.local.parts import Part
from infra.local.stack import SERVICES, Stack

PATIENCE = float(os.environ.get("FAULTS_PATIENCE", "1"))
"""How many times slower than a machine of two cores that does nothing else this one is."""
REPLICAS = 2
NEEDS = {"auth": ("postgres", "sessions"), "expenses": ("postgres", "cache", "auth")}
CLOCK = Path(__file__).with_name("clock")
LOGS = Path(__file__).parents[1] / "reports/faults"
OFFSET = struct.Struct("d")
# As in conftest.py: everybody comes from one address. Passwords take 15 ms.
SETTINGS = {
    "AUTH_ARGON2_MEMORY_KIB": "8192",
    "AUTH_ROTATION_INTERVAL_SECONDS": "5",
    "AUTH_THROTTLE_ADDRESS_FAILURES": "1000",
    "AUTH_THROTTLE_REGISTRATIONS": "100000",
}


def say(text: str) -> None:
    """Progress, for a person at a terminal."""
    print(f"    {time.strftime('%H:%M:%S')}  {text}", flush=True)


class WiredStack(Stack):
    """Replicas by the names `auth`, `auth-2`, …, each with the wires that it sees the others through."""

    def __init__(self, data: Path, wires: Wires) -> None:
        super().__init__(data, port=0)
        self._ports = dict(self.place.ports)
        for service in SERVICES:
            self._ports |= {f"{service}-{number}": ports.free() for number in range(2, REPLICAS + 1)}
        self._wires: dict[tuple[str, str], Wire] = {}
        for service in SERVICES:
            for name in names(service):
                self._connect(wires, service, name)
                self._wires["gateway", name] = wires.to(self._ports[name])
        upstreams = {
            service: [self._wires["gateway", name].port for name in names(service)] for service in SERVICES
        }
        self.places["gateway"] = replace(self.place, replicas=upstreams)

    def _connect(self, wires: Wires, service: str, name: str) -> None:
        seen = {**self.place.ports, service: self._ports[name]}
        for other in NEEDS[service]:
            at = [self._ports[each] for each in names(other)]
            wire = wires.to(*(reversed(at) if name != service else at))
            self._wires[name, other] = wire
            seen[other] = wire.port
        self.places[name] = replace(self.place, ports=seen)

    def url(self, name: str) -> str:
        """Where a replica listens itself."""
        return f"http://127.0.0.1:{self._ports[name]}"

    def wire(self, name: str, other: str) -> Wire:
        """What `name` reaches `other` through: `wire("expenses-2", "cache")`."""
        return self._wires[name, other]

    def wires(self, service: str, other: str) -> Sequence[Wire]:
        """The wires of all replicas: `wires("expenses", "postgres")`, `wires("gateway", "auth")`."""
        pairs = [(name, each) for name in names(service) for each in (other, *names(other))]
        return [self._wires[pair] for pair in dict.fromkeys(pairs) if pair in self._wires]

    @contextmanager
    def having(self, way: tuple[str, str], trouble: Trouble) -> Iterator[Sequence[Wire]]:
        """The trouble is on the way of every replica, as long as the block lasts."""
        wires = self.wires(*way)
        with ExitStack() as troubles:
            for wire in wires:
                troubles.enter_context(wire.having(trouble))
            yield wires

    # --- clocks ------------------------------------------------------------------------------------

    def build(self, name: str) -> Part:
        """Each service reads a clock that `clock` can put wrong while it runs."""
        part = super().build(name)
        if name.partition("-")[0] not in SERVICES:
            return part
        file = self._clock_file(name)
        if not file.exists():
            file.write_bytes(OFFSET.pack(0))
        ours = {"PYTHONPATH": f"src{os.pathsep}{CLOCK}", "FAULTS_CLOCK": str(file)}
        return replace(part, environment={**part.environment, **ours})

    def _clock_file(self, name: str) -> Path:
        return self.data / f"run/{name}.clock"

    def set_clock(self, name: str, seconds: float) -> None:
        """How far a replica's clock is ahead of all others from now on; below nothing, behind them."""
        with self._clock_file(name).open("r+b") as file:  # in place: the running process has it mapped
            file.write(OFFSET.pack(seconds))

    @contextmanager
    def clock(self, name: str, *, seconds: float) -> Iterator[None]:
        """The clock is wrong as long as the block lasts."""
        self.set_clock(name, seconds)
        try:
            yield
        finally:
            self.set_clock(name, 0)


def names(service: str) -> Sequence[str]:
    """The replicas of a service; any other part is alone."""
    if service not in SERVICES:
        return [service]
    return [service, *(f"{service}-{number}" for number in range(2, REPLICAS + 1))]


@contextmanager
def wired() -> Iterator[WiredStack]:
    """Started, in a temporary folder, without demo data."""
    bootstrap.install(bootstrap.RUN, develop=False)
    before = dict(os.environ)
    os.environ.update(SETTINGS)
    data = Path(tempfile.mkdtemp(prefix="faults-"))
    try:
        with Wires() as wires, WiredStack(data, wires) as stack:
            yield stack
    finally:
        for name in SETTINGS:
            os.environ.pop(name)
        os.environ.update(before)
        shutil.copytree(data / "logs", LOGS, dirs_exist_ok=True)
        shutil.rmtree(data, ignore_errors=True)
