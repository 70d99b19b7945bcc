"""Writes as hypothesis makes them up: what they are about is a number, which stands for something
that is there when they are sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from hypothesis import strategies as st

from tests.model import calls
from tests.model.account import USUAL
from tests.model.calls import Call
from tests.model.player import Person, Seat
from tests.model.versions import Fields

NOBODY_S = str(UUID(int=7 << 76 | 2 << 62))
"""An id that is nobody's."""
OWN = 60
"""Numbers below stand for one's own."""
KEYS = [(source, name) for source in ("bank", "card") for name in ("1", "2", "x y")]
SLUGS = ["food", "travel", "other", "zoo", "food", "travel", "zoo", "cafe-bar"]


class Write(Protocol):
    """Something that a client may do, in one call or in two at once."""

    def calls(self, seat: Seat, people: Sequence[Person]) -> list[Call]: ...


def identifier(number: int, seat: Seat, people: Sequence[Person], how: str = "patch") -> str:
    """Mostly of one's own expense, for a restoration a deleted one; of others', and of nobody's."""
    own = [head.id for head in seat.person.account.heads if head.live == (how != "restore")]
    if own and number < OWN:
        return str(own[number % len(own)])
    ids = [NOBODY_S, *(head.id for person in people for head in person.account.heads)]
    return str(ids[number % len(ids)])


@dataclass(frozen=True)
class Create:
    sent: Fields
    key: str | None

    def calls(self, seat: Seat, people: Sequence[Person]) -> list[Call]:  # noqa: ARG002 - as all of them
        return [calls.create(self.sent).under(self.key)]


@dataclass(frozen=True)
class Change:
    """By PATCH, DELETE or a restoration; a careful client says which version it has seen."""

    how: str
    which: int
    sent: Fields
    careful: bool
    key: str | None

    def calls(self, seat: Seat, people: Sequence[Person]) -> list[Call]:
        named = identifier(self.which, seat, people, self.how)
        tag = seat.expenses.get(named, '"1"') if self.careful else None
        if self.how == "patch":
            return [calls.patch(named, self.sent, tag)]
        if self.how == "delete":
            return [calls.delete(named, tag)]
        return [calls.restore(named, tag).under(self.key)]


@dataclass(frozen=True)
class Put:
    name: tuple[str, str]
    sent: Fields
    careful: bool
    absent: bool
    revive: bool

    def calls(self, seat: Seat, people: Sequence[Person]) -> list[Call]:  # noqa: ARG002 - as all of them
        there = seat.person.account.named(self.name)
        known = '"1"' if there is None else seat.expenses.get(there.id, '"1"')
        tag = known if self.careful else None
        return [calls.put(self.name, self.sent, tag, absent=self.absent, revive=self.revive)]


@dataclass(frozen=True)
class Bulk:
    """Several changes; those of a careful client state a version."""

    parts: Sequence[Create | Change]
    atomic: bool
    dry_run: bool
    key: str | None

    def calls(self, seat: Seat, people: Sequence[Person]) -> list[Call]:
        operations = [_operation(part, seat, people) for part in self.parts]
        asked = calls.bulk(operations, atomic=self.atomic, dry_run=self.dry_run)
        return [asked.under(self.key)]


def _operation(part: Create | Change, seat: Seat, people: Sequence[Person]) -> calls.Operation:
    if isinstance(part, Create):
        return calls.op_create(part.sent)
    named = identifier(part.which, seat, people)
    version = int(seat.expenses.get(named, '"1"').strip('"')) if part.careful else None
    if part.how == "patch":
        return calls.op_update(named, part.sent, version)
    return calls.op_delete(named, version)


@dataclass(frozen=True)
class Import:
    """A file whose rows may have ids: own ones, others', and nobody's."""

    rows: Sequence[tuple[Fields, int | None]]
    form: str
    atomic: bool
    dry_run: bool
    make: bool
    key: str | None

    def calls(self, seat: Seat, people: Sequence[Person]) -> list[Call]:
        rows = [
            sent if which is None else {"id": identifier(which, seat, people), **sent}
            for sent, which in self.rows
        ]
        how = {"atomic": self.atomic, "dry_run": self.dry_run, "make": self.make}
        lines, content = calls.as_file(rows, self.form)
        return [calls.import_file(lines, content, form=self.form, **how).under(self.key)]


@dataclass(frozen=True)
class InCategories:
    """A category added, renamed, archived, brought back from the archive or deleted."""

    how: str
    slug: str
    value: Any
    careful: bool
    key: str | None

    def calls(self, seat: Seat, people: Sequence[Person]) -> list[Call]:  # noqa: ARG002 - as all of them
        seen = seat.categories.get(self.slug) if self.careful else None
        if self.how == "add":
            return [calls.add_category(self.slug, self.value).under(self.key)]
        if self.how == "delete":
            return [calls.drop_category(self.slug, self.value, seen)]
        return [calls.change_category(self.slug, {self.how: self.value}, seen)]


@dataclass(frozen=True)
class Race:
    """Two calls at once."""

    one: Write
    other: Write

    def calls(self, seat: Seat, people: Sequence[Person]) -> list[Call]:
        return [*self.one.calls(seat, people), *self.other.calls(seat, people)]


@dataclass(frozen=True)
class Repeat:
    """A POST with its key that was sent before, by whomever; perhaps twice at once."""

    which: int
    times: int

    def calls(self, seat: Seat, people: Sequence[Person]) -> list[Call]:  # noqa: ARG002 - as all of them
        posts = [call for person in people for call in person.posts]
        return [posts[-1 - self.which % len(posts)]] * self.times


# --- strategies ----------------------------------------------------------------------------------


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Fields]:
    """Any of these, in one order, so that equal bodies are the same text."""
    return st.fixed_dictionaries({}, optional=optional).map(lambda it: dict(sorted(it.items())))


def merged(*parts: st.SearchStrategy[Fields]) -> st.SearchStrategy[Fields]:
    return st.tuples(*parts).map(lambda all_: {k: v for part in all_ for k, v in part.items()})


nothing: st.SearchStrategy[Fields] = st.just({})
mostly_not = st.sampled_from([False, False, False, True])
keys = st.sampled_from([None, None, None, "k1", "k2"])
places = st.integers(0, OWN + 8)
currencies = st.sampled_from(["EUR", "EUR", "EUR", "JPY", "KWD"])
amounts = st.sampled_from(["1", "2", 3, "5", "7", "8", "9", "11", "2.50", "12.345", "0"])
days = st.sampled_from([f"2026-{day}" for day in ("04-30", "05-01", "05-02", "05-31", "06-01")])
slugs = st.sampled_from(SLUGS)
texts = st.sampled_from(["Night taxi", "taxi", "night table", "Tea at night"])
notes = st.sampled_from(["late night", "a table"])
tags = st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=3)
common = {
    "kind": st.sampled_from(["expense", "refund"]),
    "category": slugs,
    "merchant": st.sampled_from(["Enzo", "Taxi Co"]),
    "payment_method": st.sampled_from(["card", "cash"]),
    "notes": notes,
    "tags": tags,
    "metadata": some(a=st.sampled_from("12"), b=st.sampled_from("12")),
}
money = st.fixed_dictionaries({"amount": amounts, "currency": currencies})
head = st.fixed_dictionaries({"description": texts}, optional={"spent_on": days})
names = st.sampled_from([*[{}] * len(KEYS), *({"source": s, "external_id": e} for s, e in KEYS)])
drafts = merged(money, head, some(**common), names)
cleared = {
    name: st.none() | values for name, values in common.items() if name not in {"kind", "metadata"}
}
renamed: st.SearchStrategy[Fields] = st.sampled_from(
    [*[{}] * 12, *({"source": s, "external_id": e} for s, e in KEYS),
     {"source": None, "external_id": None}, {"external_id": "2"}, {"source": None}]
)  # fmt: skip
patches = merged(
    some(
        **cleared,
        kind=common["kind"],
        amount=amounts,
        spent_on=days,
        description=texts,
        metadata=st.none() | some(a=st.none() | st.just("3"), b=st.none() | st.just("1")),
    ),
    st.one_of(nothing, nothing.map(dict), nothing.map(dict), money, st.just({"currency": "EUR"})),
    renamed,
)
creates = st.builds(Create, drafts, keys)
changes = st.builds(Change, st.just("patch"), places, patches, st.booleans(), st.none())
deletions = st.builds(Change, st.just("delete"), places, nothing, st.booleans(), st.none())
restorations = st.builds(Change, st.just("restore"), places, nothing, mostly_not, keys)
puts = st.builds(
    Put, st.sampled_from(KEYS), merged(money, head, some(**common)), mostly_not, mostly_not,
    st.booleans(),
)  # fmt: skip
parts = st.one_of(
    st.builds(Create, drafts, st.none()),
    st.builds(Change, st.sampled_from(["patch", "delete"]), places, patches, mostly_not, st.none()),
)
bulks = st.builds(Bulk, st.lists(parts, min_size=1, max_size=6), st.booleans(), mostly_not, keys)
rows = st.lists(
    st.tuples(merged(money, head, some(**cleared), names), st.none() | st.none() | places),
    min_size=1,
    max_size=5,
)
imports = st.builds(
    Import, rows, st.sampled_from(["csv", "ndjson"]), mostly_not, mostly_not, st.booleans(), keys
)
named = st.sampled_from(["Zoo", "Bar"])
targets = st.none() | st.sampled_from(USUAL[:3]) | slugs
in_categories = st.sampled_from(["add", "name", "archived", "delete", "delete"]).flatmap(
    lambda how: st.builds(InCategories, st.just(how), slugs, VALUES[how], mostly_not, keys)
)
repeats = st.builds(Repeat, st.integers(0, 9), st.integers(1, 2))

VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "add": named,
    "name": named,
    "archived": mostly_not,
    "delete": targets,
}
KINDS: Mapping[str, st.SearchStrategy[Write]] = {
    "create": creates,
    "change": changes,
    "delete": deletions,
    "restore": restorations,
    "put": puts,
    "bulk": bulks,
    "import": imports,
    "category": in_categories,
    "repeat": repeats,
}
WEIGHTS = [
    *("create", "change", "change", "change", "delete", "restore", "restore", "put", "put"),
    *("bulk", "bulk", "import", "import", "category", "category", "repeat", "race", "race"),
]


def kind(name: str) -> st.SearchStrategy[Write]:
    return st.builds(Race, singles, singles) if name == "race" else KINDS[name]


singles = st.sampled_from(WEIGHTS[:-3]).flatmap(kind)
writes = st.sampled_from(WEIGHTS).flatmap(kind)
