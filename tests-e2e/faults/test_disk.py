"""Postgres's disk is full: what cannot be kept is refused, and nothing that was kept is lost."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from actors import EXPENSES, LUNCH, Person
from faults.crowd import crowd, heals, in_time, is_refusal
from faults.stack import WiredStack, say

pytestmark = [pytest.mark.own_stack, pytest.mark.faults]
ROOM_MIB = 48


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def on_a_small_disk(stack: WiredStack) -> Iterator[Path]:
    """Postgres's data is moved to a disk in memory, with some room, and back after the block."""
    data, kept = stack.data / "postgres", stack.data / "postgres.kept"
    stack.stop("postgres")
    data.rename(kept)
    data.mkdir(mode=0o700)
    size = sum(file.stat().st_size for file in kept.rglob("*") if file.is_file()) // 2**20 + ROOM_MIB
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={size}m,mode=0700", "tmpfs", str(data))
    except (OSError, subprocess.CalledProcessError) as error:
        data.rmdir()
        kept.rename(data)
        stack.start("postgres")
        pytest.skip(f"no disk can be mounted here: {error}")
    try:
        _run("cp", "-a", f"{kept}/.", str(data))
        stack.start("postgres")
        yield data
    finally:
        stack.stop("postgres")
        shutil.rmtree(kept)
        _run("cp", "-a", str(data), str(kept))
        _run("umount", str(data))
        data.rmdir()
        kept.rename(data)
        stack.start("postgres")


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
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    with on_a_small_disk(wires) as disk:
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
