"""Which entries of the log are whose: by the marks that writes leave, deletions by what they were about."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from history.ledger import Ledger
from history.model import Version, answer, marks
from history.record import Call

UNMARKED = {"DELETE": "deleted", "POST": "restored"}


@dataclass
class Operation:
    """One write and its retries, in the order in which they began."""

    calls: list[Call]
    entries: list[Version] = field(default_factory=list)
    """What it wrote."""
    candidates: list[Version] = field(default_factory=list)
    """Of one without a mark: what it may have written, one of them at most."""

    @property
    def first(self) -> Call:
        return self.calls[0]

    @property
    def acknowledged(self) -> bool:
        return any(call.acknowledged for call in self.calls)

    @property
    def refused(self) -> bool:
        return all(call.refused for call in self.calls)

    def __str__(self) -> str:
        return " and ".join(str(call) for call in self.calls)


def told(entry: Version) -> str:
    """Of an entry, in a sentence."""
    return f"change {entry.seq} ({entry.action}, version {entry.version} of {entry.id})"


def grouped(calls: Iterable[Call]) -> dict[int, Operation]:
    """The writes, by their numbers."""
    operations: dict[int, Operation] = {}
    for call in sorted(calls, key=lambda each: each.start):
        if not call.reads:
            operations.setdefault(call.operation, Operation([])).calls.append(call)
    return operations


def attribute(ledger: Ledger, operations: Iterable[Operation]) -> Iterator[tuple[str, str]]:
    """Give each operation its entries; what cannot be as kind and sentence."""
    operations = list(operations)
    unclaimed = {entry.seq: entry for entry in ledger.entries}
    marked = _marked(ledger)
    for operation in operations:
        own = [each for mark in marks(operation.first.body) for each in marked.pop(mark, ())]
        if own:
            yield from _claim(ledger, operation, sorted(own, key=lambda each: each.seq), unclaimed)
    yield from _match(operations, unclaimed)


def _marked(ledger: Ledger) -> dict[str, list[Version]]:
    """The entries that bring a mark with them; deletions and restorations keep the one that is there."""
    found = defaultdict(list)
    for entry in ledger.entries:
        before = ledger.states[entry.seq - 1].get(entry.id)
        kept = entry.action in UNMARKED.values() and before is not None and before.mark == entry.mark
        if entry.mark is not None and not kept:
            found[entry.mark].append(entry)
    return found


def _claim(
    ledger: Ledger, operation: Operation, own: list[Version], unclaimed: dict[int, Version]
) -> Iterator[tuple[str, str]]:
    first = own[0]
    block = _block(ledger, operation, first)
    operation.entries = block or [first]
    if not block:
        wanted = answer(ledger.states[first.seq - 1], operation.first)
        other = [name for write in wanted.writes if write.id == first.id for name in write.differs(first)]
        yield "content", f"{told(first)} is not what {operation} does there: {wanted} {other or ''}"
    claimed = {entry.seq for entry in operation.entries}
    for entry in own:
        if entry.seq not in claimed:
            yield "twice", f"change {entry.seq} is again what {operation} wrote as change {min(claimed)}"
        unclaimed.pop(entry.seq, None)
    for seq in claimed:
        unclaimed.pop(seq, None)
    if operation.refused:
        yield "refused", f"{operation} was refused, and is change {min(claimed)}"


def _block(ledger: Ledger, operation: Operation, entry: Version) -> list[Version]:
    """The entries side by side that the operation makes, `entry` among them; empty if it is otherwise."""
    for before in range(entry.seq - 1, max(-1, entry.seq - 1 - _most(operation.first)), -1):
        writes = answer(ledger.states[before], operation.first).writes
        block = ledger.entries[before : before + len(writes)]
        same = len(block) == len(writes) and all(w.is_in(e) for w, e in zip(writes, block, strict=True))
        if same and entry in block:
            return block
    return []


def _most(call: Call) -> int:
    return len((call.body or {}).get("operations", ".."))


def _match(operations: Iterable[Operation], unclaimed: dict[int, Version]) -> Iterator[tuple[str, str]]:
    """Each deletion and restoration wrote once at most, and each entry left was written by one of them."""
    for operation in operations:
        operation.candidates = [entry for entry in unclaimed.values() if _may_be(operation, entry)]
    pairs: dict[int, Operation] = {}
    for operation in operations:
        if operation.first.method == "DELETE" and operation.acknowledged and not _paired(operation, pairs):
            yield "lost", f"{operation} is not in the log"
    for operation in operations:
        _paired(operation, pairs)
    for seq, entry in unclaimed.items():
        if seq not in pairs:
            yield "unasked", f"{told(entry)} is of no call, or is a second one of the same"


def _may_be(operation: Operation, entry: Version) -> bool:
    call = operation.first
    if entry.action != UNMARKED.get(call.method) or operation.refused:
        return False
    if call.path not in {f"/expenses/{entry.id}", f"/expenses/{entry.id}/restore"}:
        return False
    if call.if_match is not None and call.if_match != f'"{entry.version - 1}"':
        return False
    versions = {each.answer["version"] for each in operation.calls if each.acknowledged and each.answer}
    return versions <= {entry.version}


def _paired(operation: Operation, pairs: dict[int, Operation]) -> bool:
    """Whether it has an entry; others give way where they can (augmenting paths)."""
    if any(each is operation for each in pairs.values()):
        return True
    return _augment(operation, pairs, set())


def _augment(operation: Operation, pairs: dict[int, Operation], tried: set[int]) -> bool:
    for entry in operation.candidates:
        if entry.seq in tried:
            continue
        tried.add(entry.seq)
        if entry.seq not in pairs or _augment(pairs[entry.seq], pairs, tried):
            pairs[entry.seq] = operation
            return True
    return False
