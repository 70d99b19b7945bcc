"""Writes of one client, one after the other, that lead where a mixture seldom comes by itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.model import calls
from tests.model.account import USUAL
from tests.model.calls import Call
from tests.model.player import Person, Seat
from tests.model.versions import Fields
from tests.model.writes import Bulk, Change, Create, InCategories, Race, Write

Scene = Sequence[Write]

NEWEST = -1
TAXI = {"amount": "4", "currency": "EUR", "description": "Night taxi", "spent_on": "2026-05-02"}
ASIDE = USUAL[3:8]
"""Categories that nothing else touches."""
AWAY: Sequence[Fields] = [
    {"source": None, "external_id": None},
    {"external_id": "3"},
    {"source": "card", "external_id": "x y"},
]


@dataclass(frozen=True)
class HandOver:
    """A bulk request in which an expense leaves its external id to a new one, or to another."""

    which: int
    taker: int
    away: Fields
    atomic: bool

    def calls(self, seat: Seat, people: Sequence[Person]) -> list[Call]:  # noqa: ARG002 - as all of them
        live = seat.person.account.live()
        held = [head for head in live if head.key is not None]
        if not held:
            return [calls.create(TAXI)]
        head = held[self.which % len(held)]
        others = [None, *(other for other in live if other.place != head.place)]
        other = others[self.taker % len(others)]
        names = {name: head.fields[name] for name in ("source", "external_id")}
        leaves = calls.op_update(str(head.id), self.away, None)
        takes = (
            calls.op_create(TAXI | names)
            if other is None
            else calls.op_update(str(other.id), names, None)
        )
        return [calls.bulk([leaves, takes], atomic=self.atomic, dry_run=False)]


def lost(slug: str, target: str) -> Scene:
    """An expense is restored whose category was deleted, in use as it was, after the expense."""
    inside = Create(TAXI | {"category": slug}, None)
    return [
        Bulk([inside, inside], atomic=True, dry_run=False, key=None),
        Change("delete", NEWEST, {}, careful=False, key=None),
        InCategories("delete", slug, target, careful=False, key=None),
        Change("restore", NEWEST, {}, careful=False, key=None),
    ]


def renamed(slug: str) -> Scene:
    """Two careful renamings at once of what both have seen: one of them comes too late."""
    first, one, other = (
        InCategories("name", slug, name, careful=name != "Zoo", key=None)
        for name in ("Zoo", "Bar", "Inn")
    )
    return [first, Race(one, other)]


handed: st.SearchStrategy[Scene] = st.builds(
    HandOver, st.integers(0, 9), st.integers(0, 9), st.sampled_from(AWAY), st.booleans()
).map(lambda write: [write])
scenes = st.one_of(
    st.builds(lost, st.sampled_from(ASIDE), st.sampled_from(USUAL[:3])),
    handed,
    st.builds(renamed, st.sampled_from(ASIDE)),
)
