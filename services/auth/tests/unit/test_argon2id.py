"""Argon2id in memory that is kept: what argon2-cffi makes of the same, and where the memory is."""

import errno
import mmap
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from argon2 import PasswordHasher, Type, low_level
from argon2.exceptions import HashingError, VerifyMismatchError
from hypothesis import given
from hypothesis import strategies as st

from auth_service.accounts import argon2id
from auth_service.accounts.argon2id import Argon2id

OURS = Argon2id(time_cost=1, memory_kib=64)
THEIRS = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
FAULTS = """
import mmap, resource
from auth_service.accounts.argon2id import Argon2id
ours = Argon2id(time_cost=1, memory_kib=65536)
def touch():
    size = 64 * 1024 * 1024
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    for start in range(0, size, mmap.PAGESIZE):
        memory[start] = 1
for work in (touch, *[lambda: ours.hash("x")] * 3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    work()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[mmap.mmap]:
    """All the memory that is fetched from the system."""
    memories: list[mmap.mmap] = []
    fetch = argon2id.new_memory

    def kept(size: int) -> mmap.mmap:
        memories.append(fetch(size))
        return memories[-1]

    monkeypatch.setattr(argon2id, "new_memory", kept)
    return memories


@given(PASSWORDS, PASSWORDS)
def test_each_verifies_what_the_other_made(password: str, other: str) -> None:
    ours, theirs = OURS.hash(password), THEIRS.hash(password)
    assert THEIRS.verify(ours, password)
    assert OURS.verify(theirs, password)
    assert not OURS.is_outdated(theirs)
    assert not THEIRS.check_needs_rehash(ours)
    if other != password:
        assert not OURS.verify(theirs, other)
        with pytest.raises(VerifyMismatchError):
            THEIRS.verify(ours, other)


@pytest.mark.parametrize(("time_cost", "memory_kib"), [(2, 64), (1, 63), (1, 128), (3, 8)])
def test_hashes_at_other_costs_are_verified_and_outdated(time_cost: int, memory_kib: int) -> None:
    old = PasswordHasher(time_cost, memory_kib, parallelism=1).hash("x")
    assert OURS.verify(old, "x")
    assert not OURS.verify(old, "y")
    assert OURS.is_outdated(old)


@pytest.mark.parametrize(
    ("kind", "version", "lanes", "salt", "length"),
    [
        (Type.D, 19, 1, 16, 32), (Type.I, 19, 1, 16, 32), (Type.ID, 16, 1, 16, 32),
        (Type.ID, 19, 2, 16, 32), (Type.ID, 19, 1, 15, 32), (Type.ID, 19, 1, 16, 31),
    ],
)  # fmt: skip
def test_what_is_of_another_kind_is_nobodys(
    kind: Type, version: int, lanes: int, salt: int, length: int
) -> None:
    encoded = low_level.hash_secret(b"x", b"s" * salt, 1, 64, lanes, length, kind, version).decode()
    assert not OURS.verify(encoded, "x")


@pytest.mark.parametrize(
    "encoded",
    [
        "", "x", "$argon2id$broken", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0",
        "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$",
        "$argon2id$v=19$m=64,t=1,p=1$*$c2FsdHNhbHRz",
        "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$c2FsdHNhbHRz$c2FsdHNhbHRz",
        "$argon2id$v=16$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$c2FsdHNhbHRz",
        "$argon2id$v=19$m=64,t=1,p=2$c2FsdHNhbHRzYWx0$c2FsdHNhbHRz",
        *(
            f"$argon2id$v=19$m={memory},t={time},p=1$c2FsdHNhbHRzYWx0c2FsdA$" + "A" * 43
            for memory, time in ((0, 1), (7, 1), (64, 0))
        ),
    ],
)  # fmt: skip
def test_what_is_broken_is_nobodys(encoded: str) -> None:
    assert not OURS.verify(encoded, "x")


def test_what_the_library_refuses_is_an_error() -> None:
    """Nobody is told that a password is wrong which was never compared."""
    with pytest.raises(HashingError, match="Time cost is too small"):
        Argon2id(time_cost=0, memory_kib=64).hash("x")


def test_memory_is_fetched_once(made: list[mmap.mmap]) -> None:
    ours = Argon2id(time_cost=1, memory_kib=64)
    for number in range(3):
        assert ours.verify(ours.hash(f"{number}"), f"{number}")
        assert made[0][:] == bytes(64 * 1024)  # wiped
    assert [len(memory) for memory in made] == [64 * 1024]


def test_threads_at_work_share_no_memory(
    made: list[mmap.mmap], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, together, core = Argon2id(time_cost=1, memory_kib=64), Barrier(4), low_level.core

    def at_once(context: object, kind: int) -> int:
        together.wait(20)
        return core(context, kind)

    monkeypatch.setattr(argon2id, "core", at_once)
    with ThreadPoolExecutor(4) as threads:
        for _ in range(5):
            hashes = list(threads.map(ours.hash, "abcd"))
            assert all(map(THEIRS.verify, hashes, "abcd"))
    assert len(made) == 4


def test_what_is_released_is_fetched_anew(made: list[mmap.mmap]) -> None:
    ours = Argon2id(time_cost=1, memory_kib=64)
    ours.release()
    for _ in range(2):
        ours.hash("x")
        ours.release()
    assert len(made) == 2


def test_risen_parameters_fetch_more(made: list[mmap.mmap]) -> None:
    ours = Argon2id(time_cost=1, memory_kib=64)
    for parameters in ((1, 64), (1, 128), (1, 64), (1, 128)):
        old = PasswordHasher(*parameters, parallelism=1).hash("x")
        assert ours.verify(old, "x")
    assert [len(memory) // 1024 for memory in made] == [64, 128]


def test_no_hash_is_made_in_less_memory_than_it_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = argon2id.new_memory
    monkeypatch.setattr(argon2id, "new_memory", lambda size: fetch(size // 2))
    with pytest.raises(HashingError, match="Memory allocation error"):
        Argon2id(time_cost=1, memory_kib=64).hash("x")


def test_without_memory_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    ours = Argon2id(time_cost=1, memory_kib=64)
    encoded = ours.hash("x")
    ours.release()
    monkeypatch.setattr(mmap, "mmap", refused)
    for work in (lambda: ours.hash("x"), lambda: ours.verify(encoded, "x")):
        with pytest.raises(MemoryError):
            work()
    monkeypatch.undo()
    assert ours.verify(encoded, "x")


@pytest.mark.skipif(
    not HUGE_PAGES.exists() or "[never]" in HUGE_PAGES.read_text(),
    reason="this kernel gives huge pages to nobody",
)
def test_its_memory_is_in_huge_pages_and_fetched_once() -> None:
    """64 MiB are 16,384 small pages, which the kernel hands out one by one.

    How many huge ones it has left at the moment, memory that asks for them beside tells.
    """
    command = [sys.executable, "-c", FAULTS]
    environment = {"PYTHONPATH": str(Path(argon2id.__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    beside, first, *later = map(int, done.stdout.split())
    assert first < beside + 16_384 / 4
    assert max(later) < 100
