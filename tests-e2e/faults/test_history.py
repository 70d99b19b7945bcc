"""While parts fail at random, clients are told one history, in which nothing is lost, twice or too old.

    make faults                             # a minute of it
    SEED=42 DURATION=200 .venv/bin/python -m pytest -s -m faults faults/test_history.py

What the clients do and which faults come follow from the seed; when which meets which does not. The history
is kept in `reports`, where `python -m history.check` judges it again.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors import Person
from faults.disturbance import FAULTS, disturb
from faults.stack import WiredStack, say
from history.check import violations
from history.run import REPORTS, answers, lived

pytestmark = pytest.mark.faults
SEED = int(os.environ.get("SEED", "1"))
SECONDS = float(os.environ.get("DURATION", "60"))  # less than a token lives, which is 5 minutes
USERS = 4
WRITES = 50
"""Acknowledged ones, at least: on the slowest machine."""


@pytest.fixture(autouse=True)
def _ends_in_time() -> None:
    """In place of the limit for one fault: this has many, for as long as it is told."""


def test_all_that_clients_are_told_while_parts_fail_is_one_history(wires: WiredStack) -> None:
    file = REPORTS / "history-of-faults.jsonl"
    people = [Person.signed_in(wires.base_url) for _ in range(USERS)]
    say(f"SEED={SEED} DURATION={SECONDS:.0f}")
    with ThreadPoolExecutor(1) as thread:
        disturbed = thread.submit(disturb, wires, SECONDS, SEED)
        try:
            history = lived(wires.base_url, people, file, seconds=SECONDS, calls=sys.maxsize, seed=SEED)
        finally:
            done = disturbed.result()
    told = answers(history)
    say(f"{len(history.calls)} calls: {dict(told)}; {dict(done)}")
    found = violations(history)
    assert not found, "\n".join([f"SEED={SEED}: python -m history.check {file}", *map(str, found)])
    assert told["201"] + told["204"] > WRITES
    assert told["silent"]
    assert len(done) == len(FAULTS)
