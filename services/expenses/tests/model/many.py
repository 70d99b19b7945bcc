"""Many writes at once, as the model does them: bulk requests and files."""

from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

from tests.model.account import Account, Category
from tests.model.versions import EMPTY, Fields, Refused, Version, drafted

NO_NULL = ("id", "kind", "spent_on")
"""Where an empty cell, or null, says nothing."""

Lines = Sequence[tuple[int, Fields]]
"""What a file says, by lines."""
Operation = Callable[[Account], tuple[int, Version | None]]
Outcome = tuple[int, Fields | None, str | None]
"""Status, expense, and the code of the problem."""


def bulk(
    account: Account, operations: Sequence[Operation], *, atomic: bool, dry_run: bool
) -> list[Outcome]:
    """One after the other. Raises Refused when all or nothing was asked for."""
    trial = deepcopy(account)
    outcomes = [_attempt(trial, operation) for operation in operations]
    failed = [code for _, _, code in outcomes if code is not None]
    if atomic and failed:
        raise Refused(422, failed[0])
    if not dry_run:
        account.adopt(trial)
    return outcomes


def _attempt(account: Account, operation: Operation) -> Outcome:
    try:
        status, version = operation(account)
    except Refused as refused:
        return refused.status, None, refused.code
    return status, None if version is None else version.document, None


@dataclass
class Row:
    """A row that is valid in itself; `refusal` is what the account has against it."""

    line: int
    sent: Fields
    fields: Fields
    target: Version | None
    own: bool
    refusal: str | None = None
    action: str | None = None

    @property
    def category(self) -> str:
        """Where the row wants its expense to be."""
        if self.target is None or "category" in self.sent:
            return str(self.fields["category"])
        return str(self.target.fields["category"])

    @property
    def taken(self) -> Fields:
        """All the fields of its expense afterwards: what it does not name stays."""
        if self.target is None:
            return self.fields
        named = {name: self.fields[name] for name in self.fields if name in self.sent}
        return self.target.fields | named

    def names(self) -> set[object]:
        """What no other row of the file may name too."""
        key = (self.fields["source"], self.fields["external_id"])
        place = None if self.target is None else ("place", self.target.place)
        names: set[object] = {key if key != (None, None) else None, place}
        return names - {None}


@dataclass(frozen=True)
class Imported:
    """The answer to a file; faults are lines and codes."""

    counts: Counter[str]
    faults: list[tuple[int, str]]

    @property
    def document(self) -> Fields:
        return {
            "created": self.counts["created"],
            "updated": self.counts["updated"] + self.counts["restored"],
            "unchanged": self.counts["unchanged"],
            "failed": len(self.faults),
        }


def take(account: Account, lines: Lines, *, atomic: bool, dry_run: bool, make: bool) -> Imported:
    """Take a file's rows over; `make` makes categories. Raises Refused like `bulk`."""
    rows, faults = _rows(account, lines)
    usable = {slug for slug in account.categories if account.is_open(slug)}
    if make:
        named = {row.fields["category"] for row in rows}
        usable |= {slug for slug in named if not _there(account, slug)}
    _judge(rows, usable)
    faults = sorted([*faults, *((row.line, row.refusal) for row in rows if row.refusal)])
    good = [row for row in rows if not row.refusal]
    if faults and atomic:
        raise Refused(422, faults[0][1])
    if not dry_run:
        _carry_out(account, good, make=make)
    return Imported(Counter(row.action or "unchanged" for row in good), faults)


def _rows(account: Account, lines: Lines) -> tuple[list[Row], list[tuple[int, str]]]:
    rows, faults = [], []
    for line, cells in lines:
        sent = {name: it for name, it in cells.items() if it is not None or name not in NO_NULL}
        try:
            content = {name: value for name, value in sent.items() if name in _CONTENT}
            rows.append(_matched(account, line, sent, drafted(content)))
        except Refused as refused:
            faults.append((line, refused.code))
    return rows, faults


_CONTENT = ("kind", "amount", "currency", "spent_on", "description", *EMPTY)


def _matched(account: Account, line: int, sent: Fields, fields: Fields) -> Row:
    own = account.known(sent.get("id"))
    key = (fields["source"], fields["external_id"])
    named = account.named(key) if key != (None, None) else None
    row = Row(line, sent, fields, own or named, own is not None)
    if own is not None and named is not None and own.place != named.place:
        row.refusal = "external_id_taken"
    return row


def _judge(rows: Sequence[Row], usable: set[str]) -> None:
    """Say of each row why it cannot be taken, or what it does."""
    before: set[object] = set()
    for row in rows:
        stays = row.target is not None and row.category == row.target.fields["category"]
        if row.refusal is None and row.names() & before:
            row.refusal = "duplicate_row"
        if row.refusal is None and row.category not in usable and not stays:
            row.refusal = "unknown_category"
        before |= row.names()
        if row.target is None:
            row.action = "created"
        elif not row.target.live:
            row.action = "restored"
        elif row.taken != row.target.fields:
            row.action = "updated"


def _there(account: Account, slug: str) -> bool:
    return slug in account.categories and not account.categories[slug].deleted


def _carry_out(account: Account, rows: Sequence[Row], *, make: bool) -> None:
    written = [row for row in rows if row.action is not None]
    lacking = {row.taken["category"] for row in written}
    for row in written:
        account.write(row.target, str(row.action), row.taken)
    for slug in sorted(lacking):
        if _there(account, slug):
            continue
        if make:
            account.save(Category(slug, slug.replace("-", " ").capitalize()))
        else:
            account.bring_back(slug)
