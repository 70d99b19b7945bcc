"""Argon2id alone: `passwords.py MEMORY_KIB TIME_COST THREADS SECONDS` prints verifications a second.

Runs in the environment of auth, so that argon2-cffi is the one that auth has.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher

PASSWORD = "a walk in the park, 1987"


def main() -> None:
    """Each thread verifies one hash after the other."""
    memory_kib, time_cost, threads, seconds = map(int, sys.argv[1:])
    hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1)
    stored = hasher.hash(PASSWORD)
    started = time.monotonic()

    def work(_: int) -> int:
        done = 0
        while time.monotonic() < started + seconds:
            hasher.verify(stored, PASSWORD)
            done += 1
        return done

    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(work, range(threads)))
    print(done / (time.monotonic() - started))


if __name__ == "__main__":
    main()
