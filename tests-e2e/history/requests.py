"""What clients of a history may ask for next."""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from history.record import Call, Document, target_of

CATEGORIES = ("food", "travel", "work", "other")
NAMES = 6
MOST = 12
"""Live expenses of a user; then some are deleted."""
GROUPS = ("category", "month,category", "day", "kind")
MUST_READ = {"limit": "200", "include": "total"}


@dataclass(frozen=True)
class Request:
    """As it is sent, however often."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: Document | None = None
    key: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None

    @property
    def repeatable(self) -> bool:
        """Whether asking again cannot do it again."""
        return self.key is not None or self.if_match is not None

    @property
    def target(self) -> str:
        """The path with its parameters, in their order."""
        return target_of(self.path, self.query)

    @property
    def headers(self) -> dict[str, str]:
        named = {"Idempotency-Key": self.key, "If-Match": self.if_match, "If-None-Match": self.if_none_match}
        return {name: value for name, value in named.items() if value is not None}


class Known:
    """What was last told of an account, by whichever answer came last."""

    def __init__(self) -> None:
        self.live: dict[str, int] = {}
        """The versions, by id."""
        self.deleted: dict[str, int] = {}
        self.seq = 0
        self.tags: dict[str, str] = {}
        """The last entity tag of what was read."""

    def learn(self, call: Call) -> None:
        """From any answer."""
        if call.status == 304 or call.silent:
            return
        identifier = call.path.split("/")[2] if call.path.count("/") > 1 else ""
        if call.status in {204, 404} and identifier in self.live:
            self.deleted[identifier] = self.live.pop(identifier) + 1
        if call.reads and call.acknowledged and call.etag is not None:
            self.tags[call.target] = call.etag
        if isinstance(call.answer, dict):
            self._learn(call.answer, identifier)

    def _learn(self, told: Document, identifier: str) -> None:
        self.seq = max(self.seq, told.get("next_since", 0))
        if "current_version" in told and identifier in self.live:
            self.live[identifier] = told["current_version"]
        if "metadata" in told:
            self.live[told["id"]] = told["version"]
            self.deleted.pop(told["id"], None)
        for result in told.get("results", ()):
            if result["expense"] is not None:
                self._learn(result["expense"], "")


def some_request(dice: random.Random, known: Known) -> Request:
    """Whatever the dice say; on what is there, more is deleted the more there is."""
    choices: dict[Callable[[random.Random, Known], Request], float] = {
        _create: 12, _put: 10, _list: 16, _summary: 10, _changes: 8, _bulk: 8,
    }  # fmt: skip
    if known.live:
        choices |= {_patch: 22, _delete: 25 if len(known.live) > MOST else 4, _read: 14, _history: 4}
    if known.deleted:
        choices[_restore] = 7
    make = dice.choices(list(choices), list(choices.values()))[0]
    return make(dice, known)


def some_creation(dice: random.Random) -> Request:
    """A new expense, now and then with a name that another may have."""
    named = {"source": "bank", "external_id": f"n{dice.randrange(NAMES)}"} if dice.random() < 0.2 else {}
    key = _perhaps(dice, 0.8, lambda: _unique(dice))
    return Request("POST", "/expenses", body=_fields(dice) | named, key=key)


def _unique(dice: random.Random) -> str:
    return str(uuid.UUID(int=dice.getrandbits(128)))


def _fields(dice: random.Random) -> Document:
    """All that a new one needs; `notes` is its mark."""
    return {
        "amount": f"{dice.randint(1, 99)}.{dice.randint(0, 99):02}",
        "currency": dice.choice(("EUR", "USD")),
        "spent_on": f"2026-{dice.randint(4, 6):02}-{dice.randint(1, 28):02}",
        "description": "Lunch",
        "category": dice.choice(CATEGORIES),
        "kind": dice.choice(("expense", "expense", "refund")),
        "notes": _unique(dice),
    }


def _changed(dice: random.Random) -> Document:
    fields = _fields(dice)
    some = dice.sample(("amount", "category", "spent_on", "kind"), 2)
    return {name: fields[name] for name in (*some, "notes")}


def _perhaps(dice: random.Random, likely: float, make: Callable[[], str]) -> str | None:
    return make() if dice.random() < likely else None


def _one(dice: random.Random, versions: dict[str, int], likely: float) -> tuple[str, str | None]:
    """An id and perhaps its version as an entity tag; now and then one that was before.

    Every second time it is one of the first, so that clients meet.
    """
    some = list(versions)
    identifier = dice.choice(some[:2] if dice.random() < 0.5 else some)
    version = max(1, versions[identifier] - (dice.random() < 0.1))
    return identifier, _perhaps(dice, likely, lambda: f'"{version}"')


def _create(dice: random.Random, _: Known) -> Request:
    return some_creation(dice)


def _patch(dice: random.Random, known: Known) -> Request:
    identifier, tag = _one(dice, known.live, 0.6)
    return Request("PATCH", f"/expenses/{identifier}", body=_changed(dice), if_match=tag)


def _delete(dice: random.Random, known: Known) -> Request:
    identifier, tag = _one(dice, known.live, 0.7)
    return Request("DELETE", f"/expenses/{identifier}", if_match=tag)


def _restore(dice: random.Random, known: Known) -> Request:
    identifier, tag = _one(dice, known.deleted, 0.3)
    key = _perhaps(dice, 0.8, lambda: _unique(dice))
    return Request("POST", f"/expenses/{identifier}/restore", key=key, if_match=tag)


def _put(dice: random.Random, _: Known) -> Request:
    query = {"revive": "true"} if dice.random() < 0.7 else {}
    tag = _perhaps(dice, 0.2, lambda: f'"{dice.randint(1, 5)}"')
    path = f"/expenses/by-external/bank/n{dice.randrange(NAMES)}"
    return Request("PUT", path, query, _fields(dice), if_match=tag)


def _bulk(dice: random.Random, known: Known) -> Request:
    operations: list[dict[str, Any]] = [{"op": "create", "expense": _fields(dice)}]
    for identifier in dice.sample(sorted(known.live), min(2, len(known.live))):
        version = {"version": known.live[identifier]} if dice.random() < 0.7 else {}
        if dice.random() < 0.5:
            operations.append({"op": "delete", "id": identifier, **version})
        else:
            operations.append({"op": "update", "id": identifier, **version, "changes": _changed(dice)})
    body = {"mode": dice.choice(("atomic", "partial")), "operations": operations}
    return Request("POST", "/expenses/bulk", body=body, key=_perhaps(dice, 0.8, lambda: _unique(dice)))


def _reading(dice: random.Random, known: Known, path: str, query: dict[str, str]) -> Request:
    request = Request("GET", path, query)
    tag = known.tags.get(request.target)
    return replace(request, if_none_match=tag) if dice.random() < 0.5 else request


def _list(dice: random.Random, known: Known) -> Request:
    some = {"category": dice.choice(CATEGORIES)} if dice.random() < 0.3 else {}
    return _reading(dice, known, "/expenses", MUST_READ | some)


def _summary(dice: random.Random, known: Known) -> Request:
    return _reading(dice, known, "/expenses/summary", {"group_by": dice.choice(GROUPS)})


def _changes(dice: random.Random, known: Known) -> Request:
    query = {"since": str(known.seq), "limit": str(dice.choice((3, 1000)))}
    return _reading(dice, known, "/changes", query)


def _read(dice: random.Random, known: Known) -> Request:
    return _reading(dice, known, f"/expenses/{dice.choice(list(known.live))}", {})


def _history(dice: random.Random, known: Known) -> Request:
    return _reading(dice, known, f"/expenses/{dice.choice(list(known.live))}/history", {})
