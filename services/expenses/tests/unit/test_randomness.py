import os
from concurrent.futures import ThreadPoolExecutor

from expenses_service.randomness import BLOCK_BYTES, random_block


def test_no_block_is_given_twice_in_whatever_thread() -> None:
    def many(_: int) -> list[bytes]:
        return [random_block() for _ in range(5_000)]

    with ThreadPoolExecutor(8) as threads:
        blocks = [block for each in threads.map(many, range(8)) for block in each]
    assert len(set(blocks)) == len(blocks)
    assert {len(block) for block in blocks} == {BLOCK_BYTES}


def test_a_child_draws_its_own() -> None:
    random_block()  # there are others ready
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, random_block())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, BLOCK_BYTES) != random_block()
