"""A user's log of changes as it is at the end, and the account after each of them."""

from collections import defaultdict
from collections.abc import Iterator

from history.model import Heads, Version
from history.record import Final

FOLLOWS = {None: {"created"}, "created": {"updated", "deleted"}, "updated": {"updated", "deleted"}}
FOLLOWS |= {"deleted": {"restored"}, "restored": {"updated", "deleted"}}


class Ledger:
    """The entries in their order; `states[n]` are the last versions after the first n of them."""

    def __init__(self, final: Final) -> None:
        self.final = final
        told = {(id_, each["version"]): each for id_, all_ in final.histories.items() for each in all_}
        counts: dict[str, int] = defaultdict(int)
        self.entries: list[Version] = []
        self.states: list[Heads] = [{}]
        self._of: dict[str, list[Version]] = defaultdict(list)
        for item in final.changes:
            counts[item["id"]] += 1
            place = (item["id"], counts[item["id"]])
            document = item["expense"] or told.get(place, {}).get("expense")
            if document is not None:  # `faults` tells of those without
                version = document["version"]
                self._add(Version(item["seq"], item["action"], item["id"], version, document))

    def _add(self, entry: Version) -> None:
        self.entries.append(entry)
        self.states.append({**self.states[-1], entry.id: entry})
        self._of[entry.id].append(entry)

    def of(self, identifier: str) -> list[Version]:
        """All versions of an expense."""
        return self._of[identifier]

    def live(self, seq: int) -> list[Version]:
        """The live expenses after the change `seq`."""
        return [head for head in self.states[seq].values() if head.live]

    def faults(self) -> Iterator[tuple[str, str]]:
        """What is wrong with the log itself and with the histories, as kind and sentence."""
        user, changes = self.final.user, self.final.changes
        if [item["seq"] for item in changes] != list(range(1, len(changes) + 1)):
            numbers = [item["seq"] for item in changes]
            place = next(place for place, seq in enumerate(numbers, 1) if seq != place)
            yield "gap", f"change {place} of {user} has the number {numbers[place - 1]}"
        for entries in self._of.values():
            yield from self._life(entries)
        for identifier in {item["id"] for item in changes} | self.final.histories.keys():
            yield from self._told(identifier)

    def _life(self, entries: list[Version]) -> Iterator[tuple[str, str]]:
        action = None
        for number, entry in enumerate(entries, 1):
            if entry.version != number:
                yield "version", f"version {number} of {entry.id} has the number {entry.version}"
            if entry.action not in FOLLOWS[action]:
                yield "version", f"version {number} of {entry.id} is {entry.action} after {action}"
            action = entry.action

    def _told(self, identifier: str) -> Iterator[tuple[str, str]]:
        """The history of an expense is what the log has of it."""
        logged = [
            (item["action"], item["expense"]) for item in self.final.changes if item["id"] == identifier
        ]
        told = self.final.histories.get(identifier, [])
        pairs = [(each["action"], None if each["action"] == "deleted" else each["expense"]) for each in told]
        numbers = [(each["version"], each["expense"]["version"]) for each in told]
        if logged != pairs or numbers != [(each, each) for each in range(1, len(told) + 1)]:
            sizes = f"{len(told)} versions, {len(logged)} changes"
            yield "history", f"the history of {identifier} is not what /changes has of it ({sizes})"
