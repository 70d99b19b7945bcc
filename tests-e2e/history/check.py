"""Judges a history: pure, so that one that failed can be judged again.

    PYTHONPATH=.:.. .venv/bin/python -m history.check reports/history.jsonl

The log of changes is a user's one order of writes: what is acknowledged must be in it once, where real time
lets it be; and each answer must be that of the account after some change between the last that anybody had
been told of before the call began and the last that was asked for before it ended.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from history import views
from history.judge import Judge
from history.ledger import Ledger
from history.operations import attribute, grouped
from history.order import Order
from history.record import Call, Final, History, load


@dataclass(frozen=True)
class Violation:
    """A promise that was not kept, of which kind, and by which calls."""

    kind: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}"


def violations(history: History) -> list[Violation]:
    """All of them; a history without any is one that the contract allows."""
    calls: dict[str, list[Call]] = defaultdict(list)
    for call in history.calls:
        calls[call.user].append(call)
    found = [Violation(*each) for final in history.finals for each in _of_user(final, calls[final.user])]
    return found + [Violation(*each) for each in _shared_tags(history.calls)]


def _of_user(final: Final, calls: list[Call]) -> Iterator[tuple[str, str]]:
    ledger = Ledger(final)
    broken = list(ledger.faults())
    yield from broken
    yield from _ends(ledger)
    if broken:
        return  # there is no order in which calls could be judged
    operations = grouped(calls)
    yield from attribute(ledger, operations.values())
    order = Order(len(ledger.entries), operations.values())
    judge = Judge(ledger, operations, order)
    for call in sorted(calls, key=lambda each: each.end):
        yield from judge.of(call)


def _ends(ledger: Ledger) -> Iterator[tuple[str, str]]:
    """The list and the summaries at the end are those of the last versions."""
    final = ledger.final
    live = [head.document for head in ledger.live(len(ledger.states) - 1)]
    by_id = {item["id"]: item for item in final.items}
    if len(by_id) != len(final.items):
        yield "list", f"the list of {final.user} has an expense twice"
    if by_id != {each["id"]: each for each in live}:
        yield "list", f"the list of {final.user} is not what the {len(ledger.entries)} changes lead to"
    for group_by, document in final.summaries.items():
        if views.summed(document) != views.sums(live, group_by):
            yield "sum", f"the summary by {group_by} of {final.user} is not the sum of the expenses"


def _shared_tags(calls: list[Call]) -> Iterator[tuple[str, str]]:
    """An opaque entity tag is of one user only."""
    owners: dict[str, Call] = {}
    for call in calls:
        if call.reads and call.etag and len(call.etag) > 20:
            owner = owners.setdefault(call.etag, call)
            if owner.user != call.user:
                yield "tag", f"{call} and {owner} have the same entity tag {call.etag}"


def main(arguments: Sequence[str]) -> int:
    """For a person at a terminal."""
    with Path(arguments[0]).open() as lines:
        found = violations(load(lines))
    print(*found, sep="\n")
    print(f"{len(found)} violations.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
