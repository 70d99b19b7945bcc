"""A page that is carried forward is the page that would be read."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from expenses_service.expenses.carrying import Items, carry, position
from expenses_service.expenses.documents import expense_body, page_body
from expenses_service.expenses.models import Expense
from expenses_service.expenses.sorting import SORTS, Sort, SortName
from tests.ledger import expense

NOON = datetime(2026, 5, 31, 12, tzinfo=UTC)
SORT_NAMES: list[SortName] = ["-spent_on", "spent_on", "-created_at", "created_at", "amount"]
NEWEST_FIRST = SORTS["-spent_on"]


def row(number: int, day: int = 1, second: int = 0, amount: int = 1250) -> Expense:
    created = NOON + timedelta(seconds=second, microseconds=day)
    return expense(
        id=UUID(int=number), spent_on=date(2026, 5, day), created_at=created, amount=amount
    )


def listed(rows: list[Expense], sort: Sort, limit: int) -> Items:
    """The first page of those that live, read anew."""
    live = [each for each in rows if each.deleted_at is None]
    live.sort(key=lambda each: position(sort, each), reverse=sort.descending)
    more = len(live) > limit
    page = live[:limit]
    texts = [expense_body(each).decode() for each in page]
    return Items(texts, position(sort, page[-1]) if more else None)


def sent(items: Items) -> bytes:
    return page_body(items.texts, None if items.end is None else "cursor")


ROWS = st.builds(
    row, st.integers(1, 9), st.integers(1, 3), st.integers(0, 2), st.sampled_from([5, 123, 1250])
)
CHANGES = st.lists(st.tuples(ROWS, st.booleans()), max_size=5)


def applied(state: dict[UUID, Expense], new: Expense, *, is_deleted: bool) -> Expense:
    """The next version of what is there, or a first one."""
    old = state.get(new.id)
    if old is not None:
        deleted_at = NOON if is_deleted else None
        new = replace(
            new, created_at=old.created_at, version=old.version + 1, deleted_at=deleted_at
        )
    state[new.id] = new
    return new


@settings(max_examples=1000)
@given(st.lists(ROWS, max_size=9), CHANGES, st.sampled_from(SORT_NAMES), st.integers(1, 6))
def test_it_is_what_would_be_read(
    rows: list[Expense], changes: list[tuple[Expense, bool]], name: SortName, limit: int
) -> None:
    """Or nothing, and that only where a page that others follow is short of one, or may be last."""
    sort, state = SORTS[name], {each.id: each for each in rows}
    before = listed([*state.values()], sort, limit)
    changed = [applied(state, new, is_deleted=is_deleted) for new, is_deleted in changes]
    carried = carry(sent(before), sort, limit, changed)
    event(f"carried: {carried is not None}, more: {before.end is not None}")
    if carried is not None:
        assert carried == listed([*state.values()], sort, limit)
    else:
        assert before.end is not None
        assert any(each.version > 1 for each in changed)


def test_a_new_expense_is_put_where_it_belongs() -> None:
    first, last = row(1, day=3), row(2, day=1)
    body = sent(listed([first, last], NEWEST_FIRST, 2))
    new = row(3, day=2)
    assert carry(body, NEWEST_FIRST, 3, [new]) == listed([first, new, last], NEWEST_FIRST, 3)
    assert carry(body, NEWEST_FIRST, 2, [new]) == listed([first, new, last], NEWEST_FIRST, 2)


def test_one_beyond_the_end_of_a_page_stays_there() -> None:
    rows = [row(number, day=2) for number in (1, 2, 3)]
    page = listed(rows, NEWEST_FIRST, 2)
    assert carry(sent(page), NEWEST_FIRST, 2, [row(4, day=1)]) == page
    page = listed(rows, SORTS["spent_on"], 2)
    assert carry(sent(page), SORTS["spent_on"], 2, [row(4, day=3)]) == page


@pytest.mark.parametrize("gone", [2, 3])
def test_who_has_left_a_page_that_others_follow_is_not_replaced(gone: int) -> None:
    """Which of the others comes next is not known here."""
    rows = [row(number) for number in (1, 2, 3)]
    body = sent(listed(rows, NEWEST_FIRST, 2))
    deleted = replace(rows[gone - 1], deleted_at=NOON)
    assert carry(body, NEWEST_FIRST, 2, [deleted]) is None
    new = row(4)
    assert carry(body, NEWEST_FIRST, 2, [deleted, new]) == listed(
        [new, *(each for each in rows if each != rows[gone - 1])], NEWEST_FIRST, 2
    )


def test_a_page_that_nothing_may_follow_any_more_is_not_carried() -> None:
    """What was beyond its end is deleted, or has come up: whether it was alone is not known."""
    first, second, beyond = row(3), row(2), row(1)
    body = sent(listed([first, second, beyond], NEWEST_FIRST, 2))
    gone = replace(beyond, version=2, deleted_at=NOON)
    up, less = replace(beyond, version=2, spent_on=date(2026, 6, 1)), replace(first, version=2)
    assert carry(body, NEWEST_FIRST, 2, [gone]) is None
    assert carry(body, NEWEST_FIRST, 2, [up, replace(less, deleted_at=NOON)]) is None
    assert carry(body, NEWEST_FIRST, 2, [up]) == listed([first, second, up], NEWEST_FIRST, 2)
    page = listed([first, second, beyond], NEWEST_FIRST, 2)
    for later in (row(0), replace(row(0), version=2)):
        assert carry(body, NEWEST_FIRST, 2, [gone, later]) == page


def test_an_id_among_the_words_of_another_is_none_of_the_page() -> None:
    new = row(2, day=2)
    other = replace(row(1), notes=f"as {new.id}")
    body = sent(listed([other], NEWEST_FIRST, 1))
    assert carry(body, NEWEST_FIRST, 1, [new]) == listed([new, other], NEWEST_FIRST, 1)
    beyond = replace(new, version=2, deleted_at=NOON)
    body = sent(listed([other, row(2, day=1)], NEWEST_FIRST, 1))
    assert carry(body, NEWEST_FIRST, 1, [beyond]) is None


def test_the_last_image_counts() -> None:
    one = row(1)
    deleted = replace(one, deleted_at=NOON, version=2)
    back = replace(one, amount=7, version=3)
    body = sent(listed([one], NEWEST_FIRST, 2))
    assert carry(body, NEWEST_FIRST, 2, [deleted]) == Items([], None)
    assert carry(body, NEWEST_FIRST, 2, [deleted, back]) == listed([back], NEWEST_FIRST, 2)
    assert carry(sent(Items([], None)), NEWEST_FIRST, 2, [one]) == listed([one], NEWEST_FIRST, 2)
    assert carry(body, NEWEST_FIRST, 2, []) == listed([one], NEWEST_FIRST, 2)
