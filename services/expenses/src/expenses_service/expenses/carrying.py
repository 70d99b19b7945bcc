"""Carries a page forward: what was changed since it was read is put into it.

Who records something looks at the list next, where forty-nine of fifty expenses are what they were.
So the page that is kept and the change log tell what it is now: incremental maintenance of a
materialized view (Gupta and Mumick, Maintenance of materialized views, 1995).
"""

from bisect import insort
from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from typing import Final
from uuid import UUID

from msgspec import Raw, Struct, field, json

from expenses_service.expenses.cursors import Position
from expenses_service.expenses.documents import expense_body
from expenses_service.expenses.models import Expense
from expenses_service.expenses.sorting import Sort


class Shown(Struct):
    """What the orders go by, of an expense as clients see it."""

    id: UUID
    spent_on: date
    created_at: datetime
    text: str = field(name="amount")

    @property
    def amount(self) -> int:
        """In minor units, as all of the text's digits are."""
        return int(self.text.replace(".", ""))


class _Page(Struct):
    items: list[Raw]
    next_cursor: str | None


class Items(Struct, frozen=True):
    """Of a page: each expense as JSON, and where the last one stands if more come after it."""

    texts: list[str]
    end: Position | None


_PAGE: Final = json.Decoder(_Page)
_SHOWN: Final = json.Decoder(Shown)


def position(sort: Sort, expense: Shown | Expense) -> Position:
    """Where an expense stands in an order."""
    return Position(sort.key(expense), expense.id)


def carry(body: bytes, sort: Sort, limit: int, changed: Sequence[Expense]) -> Items | None:
    """The first page of all of a user's expenses, from what it was and what was changed since.

    `body` is the page as it was sent, in the same order and with the same `limit`; `changed` are
    the expenses as each change left them, in order. None where these do not tell: what follows the
    page may have come up to it, or may be gone.
    """
    page = _PAGE.decode(body)
    found, were_here = page.items, set[UUID]()
    end = _place(sort, found[-1]) if page.next_cursor is not None else None
    latest = {expense.id: expense for expense in changed}
    if any(str(changed_id).encode() in body for changed_id in latest):  # or in somebody's notes
        ids = [_SHOWN.decode(text).id for text in found]
        were_here = latest.keys() & set(ids)
        found = [text for text, each in zip(found, ids, strict=True) if each not in latest]
    live = [(position(sort, each), each) for each in latest.values() if each.deleted_at is None]
    here = [each for place, each in live if end is None or not _comes_after(sort, place, end)]
    if end is not None and len(found) + len(here) <= limit:
        known = were_here | {each.id for each in changed if each.version == 1}
        others_follow = len(here) < len(live) or latest.keys() <= known
        if len(found) + len(here) < limit or not others_follow:
            return None
    _put(sort, here, found)
    more = end is not None or len(found) > limit
    del found[limit:]
    texts = [bytes(text).decode() for text in found]
    return Items(texts, _place(sort, found[-1]) if more else None)


def _place(sort: Sort, text: Raw) -> Position:
    return position(sort, _SHOWN.decode(text))


def _put(sort: Sort, expenses: Sequence[Expense], found: list[Raw]) -> None:
    """Each where it belongs: of those that are there in order, few have to be looked at."""
    if sort.descending:
        found.reverse()
    for expense in expenses:
        insort(found, Raw(expense_body(expense)), key=partial(_place, sort))
    if sort.descending:
        found.reverse()


def _comes_after(sort: Sort, place: Position, end: Position) -> bool:
    return place < end if sort.descending else place > end
