import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from expenses_service.randomness import BLOCK_BYTES, random_block

ROOT = Path(__file__).parents[2]
FORKED = """
import os
from expenses_service.randomness import random_block
random_block()  # others are ready by now
child = os.fork()
print(random_block().hex(), flush=True)
if child:
    os.waitpid(child, 0)
"""


def test_no_block_is_given_twice_in_whatever_thread() -> None:
    def many(_: int) -> list[bytes]:
        return [random_block() for _ in range(5_000)]

    with ThreadPoolExecutor(8) as threads:
        blocks = [block for each in threads.map(many, range(8)) for block in each]
    assert len(set(blocks)) == len(blocks)
    assert {len(block) for block in blocks} == {BLOCK_BYTES}


def test_a_child_draws_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED],
        env={"PYTHONPATH": str(ROOT / "src")}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    mine, childs = done.stdout.split()
    assert mine != childs
