"""`make status`: each part of a running stack, its state and its version; exit status 1 unless all are ready.

ready        it answers, and says that it may have traffic
not ready    it runs, and says what fails, or does not listen yet
hung         it runs, and does not answer
not running  there is no such process

While a service is replaced the one beside it has a line too, such as auth-next.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from infra.local import bootstrap, compose, operate, probes
from infra.local.failure import Failure
from infra.local.parts import ORDER, Place
from infra.local.probes import Found
from infra.local.process import runs, stands_still

METRICS = {"auth": "auth", "expenses": "expenses", "gateway": "metrics"}  # at the port of which part
STATES = {True: "ready", False: "not ready", None: "hung"}


@dataclass(frozen=True)
class Status:
    """What is known of one part; `detail` is for a person."""

    name: str
    state: str
    version: str = ""
    detail: str = ""


def local(place: Place) -> Sequence[Status]:
    """The parts of the stack at `place`, asked side by side: one that hangs holds up no other."""
    beside = [name for name in place.ports if name.endswith("-next")]  # while a service is replaced
    with ThreadPoolExecutor(len(ORDER)) as threads:
        return list(threads.map(lambda name: _one(place, name), [*ORDER, *beside]))


def _one(place: Place, name: str) -> Status:
    pid = runs(place.data, name)
    if pid is None:
        return Status(name, "not running")
    if stands_still(pid):
        return Status(name, "hung", detail=f"process {pid} is stopped (kill -CONT {pid} lets it go on)")
    part = name.removesuffix("-next")
    place = replace(place, ports={**place.ports, part: place.ports[name]})
    found = probes.ask(place, part)
    watch = f"{place.url(METRICS[part])}/metrics" if found.ready and part in METRICS else ""
    return Status(name, STATES[found.ready], found.version, found.detail or watch)


def in_containers(engine: compose.Compose) -> Sequence[Status]:
    """The containers, as the engine's own health checks see them."""
    with ThreadPoolExecutor(len(compose.PARTS)) as threads:
        listed = engine.list()
        return list(threads.map(lambda name: _container(engine, name, listed), compose.PARTS))


def _container(engine: compose.Compose, name: str, listed: Sequence[compose.Container]) -> Status:
    """The best of its replicas: while one is replaced there are two."""
    found = [_judge(one) for one in listed if one.service == name]
    if not found:
        return Status(name, "not running")
    best = next((one for one in found if one.ready), found[0])
    return Status(name, STATES[best.ready], engine.version(name) if best.ready else "", best.detail)


def _judge(container: compose.Container) -> Found:
    if container.state == "paused":
        return Found(None, detail="paused")
    if container.state != "running":
        return Found(ready=False, detail=container.state)
    ready = container.health in {"healthy", ""}
    return Found(ready, detail="" if ready else container.health)


def table(parts: Sequence[Status]) -> str:
    """A line a part."""
    lines = (f"{part.name:15} {part.state:12} {part.version:10} {part.detail}".rstrip() for part in parts)
    return "\n".join([f"{'part':15} {'state':12} version", *lines])


def main() -> int:
    """The exit status: 0 when every part is ready."""
    parser = argparse.ArgumentParser(prog="python3 -m infra.local.status", description=__doc__)
    parser.add_argument("--data", default=".local", help="the folder of the stack")
    parser.add_argument("--compose", help="ask the containers, with this command")
    given = parser.parse_args()
    try:
        if given.compose:
            parts = in_containers(compose.Compose.of(given.compose))
        else:
            parts = local(operate.find(Path(given.data)))
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    print(table(parts))
    return 0 if all(part.state == "ready" for part in parts) else 1


if __name__ == "__main__":
    os.chdir(bootstrap.ROOT)
    sys.exit(main())
