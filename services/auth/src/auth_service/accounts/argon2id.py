"""Argon2id (RFC 9106) in memory that is kept from one hash to the next.

argon2-cffi asks malloc for the 64 MiB of each hash, and the kernel clears them and hands them out
anew each time, which costs a tenth of a hash in huge pages and more in small ones. Its low-level
`core` takes the memory from its caller; that struct may change with any release of it, so a test
holds both equal.
"""

import hmac
import mmap
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from secrets import token_bytes
from threading import get_ident
from typing import Any, Final

from argon2 import Parameters, extract_parameters
from argon2.exceptions import HashingError, InvalidHashError
from argon2.low_level import ARGON2_VERSION, Type, core, error_to_str, ffi

SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
LEAST_KIB: Final = 8
"""The memory of one lane (RFC 9106, 3.1)."""


class Argon2id:
    """Hashes and verifies, in as many threads at once as call it.

    The library wipes the memory after each hash. What is not at work is kept until `release`. Both
    ways raise MemoryError when the system has none.
    """

    def __init__(self, *, time_cost: int, memory_kib: int) -> None:
        self._parameters = Parameters(
            Type.ID, ARGON2_VERSION, SALT_BYTES, HASH_BYTES, time_cost, memory_kib, parallelism=1
        )
        self._kept: list[mmap.mmap] = []
        self._given: dict[int, Any] = {}  # the memory of the hash that a thread is at
        self._allocate = ffi.callback("int(uint8_t **, size_t)", self._give, error=-1)
        self._free = ffi.callback("void(uint8_t *, size_t)", lambda _memory, _size: None)

    def hash(self, password: str) -> str:
        """The encoded hash of `password` under a new salt (PHC string format)."""
        salt, new = token_bytes(SALT_BYTES), self._parameters
        made = _base64(self._raw(password, salt, new))
        costs = f"m={new.memory_cost},t={new.time_cost},p={new.parallelism}"
        return f"$argon2id$v={new.version}${costs}${_base64(salt)}${made}"

    def verify(self, encoded: str, password: str) -> bool:
        """Whether `password` is the one; `encoded` is as `hash` makes it, at whatever costs.

        Anything else is no password's hash.
        """
        try:
            old = extract_parameters(encoded)
            salt, expected = map(_bytes_of, encoded.split("$")[4:])
        except (InvalidHashError, ValueError):
            return False
        new = self._parameters
        if replace(old, time_cost=new.time_cost, memory_cost=new.memory_cost) != new:
            return False
        if old.time_cost < 1 or old.memory_cost < LEAST_KIB:
            return False
        return hmac.compare_digest(self._raw(password, salt, old), expected)

    def is_outdated(self, encoded: str) -> bool:
        """Whether `encoded` was made under other parameters."""
        return extract_parameters(encoded) != self._parameters

    def release(self) -> None:
        """Give the memory that is not at work back to the system."""
        self._kept.clear()

    def _raw(self, password: str, salt: bytes, of: Parameters) -> bytes:
        secret, out = password.encode(), ffi.new("uint8_t[]", of.hash_len)
        inputs = ffi.new("uint8_t[]", secret), ffi.new("uint8_t[]", salt)
        context = ffi.new("argon2_context *", {
            "version": of.version, "t_cost": of.time_cost, "m_cost": of.memory_cost,
            "lanes": of.parallelism, "threads": of.parallelism,
            "pwd": inputs[0], "pwdlen": len(secret), "salt": inputs[1], "saltlen": len(salt),
            "out": out, "outlen": of.hash_len,
            "allocate_cbk": self._allocate, "free_cbk": self._free,
        })  # fmt: skip
        with self._memory(of.memory_cost * 1024):
            error = core(context, of.type.value)
        if error:
            raise HashingError(error_to_str(error))
        return bytes(ffi.buffer(out))

    @contextmanager
    def _memory(self, size: int) -> Iterator[None]:
        """For this thread."""
        try:
            memory = self._kept.pop()
        except IndexError:
            memory = new_memory(size)
        if len(memory) < size:  # the parameters have risen
            memory = new_memory(size)
        thread = get_ident()
        self._given[thread] = ffi.from_buffer("uint8_t[]", memory)
        try:
            yield
        finally:
            del self._given[thread]
            self._kept.append(memory)

    def _give(self, place: list[Any], size: int) -> int:
        """What the library calls; it fails on the null pointer that is left in `place`."""
        given = self._given[get_ident()]
        if size <= len(given):
            place[0] = given
        return 0


def new_memory(size: int) -> mmap.mmap:
    """In huge pages where the kernel has some: 32 to fetch in place of 16,384, and to look up."""
    try:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(f"no {size} bytes") from error
    if sys.platform == "linux":
        with suppress(OSError):  # a kernel that knows none
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def _base64(data: bytes) -> str:
    return b64encode(data).rstrip(b"=").decode()


def _bytes_of(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4), validate=True)
