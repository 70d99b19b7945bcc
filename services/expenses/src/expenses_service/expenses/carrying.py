"""Carries a page forward: what was changed since it was read is put into it.

Who records something looks at the list next, where forty-nine of fifty expenses are what they were.
So the page that is kept and the change log tell what it is now: incremental maintenance of a
materialized view (Gupta and Mumick, Maintenance of materialized views, 1995).
"""

from collections.abc import Sequence
from datetime import date, datetime
from operator import itemgetter
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
    rows = [(position(sort, _SHOWN.decode(text)), text) for text in page.items]
    end = rows[-1][0] if page.next_cursor is not None else None
    latest = {expense.id: expense for expense in changed}
    live = [(position(sort, each), each) for each in latest.values() if each.deleted_at is None]
    here = [each for each in live if end is None or not _comes_after(sort, each[0], end)]
    found = [row for row in rows if row[0].id not in latest]
    found += [(place, Raw(expense_body(each))) for place, each in here]
    if end is not None and len(found) <= limit:
        known = {place.id for place, _ in rows} | {each.id for each in changed if each.version == 1}
        others_follow = len(here) < len(live) or latest.keys() <= known
        if len(found) < limit or not others_follow:
            return None
    found.sort(key=itemgetter(0), reverse=sort.descending)
    more = end is not None or len(found) > limit
    del found[limit:]
    return Items([bytes(text).decode() for _, text in found], found[-1][0] if more else None)


def _comes_after(sort: Sort, place: Position, end: Position) -> bool:
    return place < end if sort.descending else place > end
