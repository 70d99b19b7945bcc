"""A replica is killed while it imports a file: nothing of it stays, and the same key brings it in, once."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from actors import EXPENSES, Person, eventually
from faults.crowd import crowd, heals, is_refusal
from faults.stack import WiredStack, names

pytestmark = [pytest.mark.own_stack, pytest.mark.faults]
ROWS = 40_000
BEGIN_SECONDS = 15.0


def parsers(stack: WiredStack) -> dict[str, int]:
    """The processes that read a file, by the replica whose child each is."""
    found = {}
    for name in names("expenses"):
        replica = (stack.data / f"run/{name}.pid").read_text().strip()
        for child in Path(f"/proc/{replica}/task/{replica}/children").read_text().split():
            if b"expenses_service.transfer.parsing" in Path(f"/proc/{child}/cmdline").read_bytes():
                found[name] = int(child)
    return found


def test_an_import_whose_replica_is_killed_happens_once(wires: WiredStack, dora: Person) -> None:
    lines = (f"1.00,EUR,Row {number},food,2026-01-01,bank,{number}" for number in range(ROWS))
    file = "\n".join(["amount,currency,description,category,spent_on,source,external_id", *lines])
    headers = {"Content-Type": "text/csv", "Idempotency-Key": "whole-file"}
    bring = partial(
        dora.client.post, f"{EXPENSES}/import", content=file.encode(), headers=headers, timeout=120
    )
    with crowd(wires) as people, ThreadPoolExecutor(1) as beside:
        answer = beside.submit(bring)
        deadline = time.monotonic() + BEGIN_SECONDS
        while not (at_work := parsers(wires)):
            assert not answer.done(), answer.result().text
            assert time.monotonic() < deadline, "it has not begun"
        ((name, parser),) = at_work.items()
        wires.kill(name)
        assert is_refusal(answer.result())
        people.heals(f"{name} killed while it imports")
        assert dora.list() == []
        again = bring()  # at the other one
        assert (again.status_code, again.json()["created"]) == (200, ROWS)
        wires.start(name)
        people.heals(f"{name} is back")
    heals(lambda: dora.client.get(EXPENSES))
    assert bring().json() == again.json()
    assert dora.client.get(EXPENSES, params={"limit": "1", "include": "total"}).json()["total"] == ROWS
    eventually(lambda: not Path(f"/proc/{parser}").exists())
