"""A disk is full: what cannot be kept is refused, what was kept is not lost, and a log matters to nobody."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from actors import AUTH, EXPENSES, LUNCH, Person, new_client, problem
from faults.breakage import during, killed
from faults.crowd import crowd, heals, in_time, is_refusal, signs_in
from faults.stack import PATIENCE, WiredStack, names, say

pytestmark = [pytest.mark.own_stack, pytest.mark.faults]
ROOM_MIB = 48
REVOKED_SECONDS = 3.0


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def on_a_small_disk(stack: WiredStack, name: str) -> Iterator[Path]:
    """A part's data is moved to a disk in memory, with some room, and back after the block."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    data, kept = stack.data / name, stack.data / f"{name}.kept"
    stack.stop(name)
    data.rename(kept)
    data.mkdir(mode=0o700)
    size = sum(file.stat().st_size for file in kept.rglob("*") if file.is_file()) // 2**20 + ROOM_MIB
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={size}m,mode=0700", "tmpfs", str(data))
    except (OSError, subprocess.CalledProcessError) as error:
        data.rmdir()
        kept.rename(data)
        stack.start(name)
        pytest.skip(f"no disk can be mounted here: {error}")
    try:
        _run("cp", "-a", f"{kept}/.", str(data))
        stack.start(name)
        yield data
    finally:
        stack.stop(name)
        shutil.rmtree(kept)
        _run("cp", "-a", str(data), str(kept))
        _run("umount", str(data))
        data.rmdir()
        kept.rename(data)
        stack.start(name)


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Nothing more can be written there as long as the block lasts."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        ballast.unlink()


def test_a_full_disk_refuses_and_loses_nothing(wires: WiredStack, dora: Person) -> None:
    with on_a_small_disk(wires, "postgres") as disk:
        heals(lambda: dora.client.get(EXPENSES), lambda: dora.client.post(EXPENSES, json=LUNCH))
        with crowd(wires) as people:
            with full(disk):
                big = LUNCH | {"notes": "x" * 2000}
                refused = 0
                while refused < 3:
                    refused += is_refusal(in_time(lambda: dora.client.post(EXPENSES, json=big)))
                people.works_for(2)
            people.heals("disk full")
            assert any(writer.refused for writer in people.writers)
        say(f"{people.writes} writes all found")
    heals(lambda: dora.client.get(EXPENSES), lambda: dora.client.post(EXPENSES, json=LUNCH))


@contextmanager
def logs_on_a_full_disk(stack: WiredStack, *parts: str) -> Iterator[None]:
    """What these parts write is taken by nobody; they are started anew, before and after the block.

    One after the other: a gateway that comes before both services has nobody who writes documents.
    """

    def start_anew(change: Callable[[Path, Path], object]) -> None:
        for name in parts:
            stack.kill(name)
            log = stack.data / f"logs/{name}.log"
            change(log, log.with_suffix(".kept"))
            stack.launch(name)
            stack.wait_ready(name)

    def fill(log: Path, kept: Path) -> None:
        log.rename(kept)
        log.symlink_to("/dev/full")

    start_anew(fill)
    try:
        yield
    finally:
        start_anew(lambda log, kept: kept.replace(log))


def test_a_log_that_cannot_be_written_costs_lines_and_no_answer(wires: WiredStack, dora: Person) -> None:
    """Also while something fails, when there is much to tell."""
    services = [*names("auth"), *names("expenses")]
    calls = (signs_in(wires), lambda: dora.client.post(EXPENSES, json=LUNCH))
    with logs_on_a_full_disk(wires, *services, "gateway"):
        heals(*calls)
        with crowd(wires) as people:
            for name in ("sessions", "postgres"):
                with during(killed, wires, name):
                    refused = 0
                    while refused < 8:
                        refused += sum(is_refusal(in_time(call)) for call in calls)
                people.heals(f"{name} killed, and nobody can tell")
            heals(*calls)
        for name in services:
            told = new_client(wires.url(name)).get("/metrics").text
            assert float(re.findall(r"^log_lines_lost_total (\S+)$", told, re.MULTILINE)[0]) > 0
    heals(*calls)


def test_sessions_that_cannot_be_kept_are_refused(wires: WiredStack, dora: Person) -> None:
    """Who is signed in works and can sign out; what was kept before is there, also after a kill."""
    calls = (signs_in(wires), lambda: dora.client.post(f"{AUTH}/refresh"))
    leaves = Person.signed_in(wires.base_url)
    with on_a_small_disk(wires, "sessions") as disk:
        heals(*calls)
        with full(disk):
            refused = 0
            while refused < 8:  # a little may still fit into the last page
                refused += sum(is_refusal(in_time(call)) for call in calls)
            for path in (f"{AUTH}/me", EXPENSES):
                assert in_time(partial(dora.client.get, path)).status_code == 200
            token = leaves.cookie("ea_access")
            assert in_time(lambda: leaves.client.post(f"{AUTH}/logout")).status_code == 204
            time.sleep(REVOKED_SECONDS * PATIENCE)
            copied = new_client(wires.base_url, Authorization=f"Bearer {token}")
            problem(in_time(lambda: copied.get(EXPENSES)), 401, "session_revoked")
        say(f"sessions' disk full: healed {heals(*calls):.1f} s")
        wires.kill("sessions")
        wires.start("sessions")
        heals(*calls)
    heals(*calls)
