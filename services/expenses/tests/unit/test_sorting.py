"""A cursor keeps a sort key as an integer, in the same order and without loss."""

from datetime import UTC, date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from expenses_service.expenses.sorting import SORTS, Sort

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "spent_on": st.dates(date(1900, 1, 1), date(2999, 12, 31)),
    "amount": st.integers(1, 999_999_999_999_999),
    "created_at": st.datetimes(timezones=st.just(UTC)),
}


@given(st.data(), st.sampled_from(list(SORTS.values())))
def test_keys_keep_values_and_their_order(data: st.DataObject, sort: Sort) -> None:
    one, other = data.draw(VALUES[sort.column]), data.draw(VALUES[sort.column])
    assert sort.from_key(sort.to_key(one)) == one
    assert (sort.to_key(one) < sort.to_key(other)) == (one < other)
    assert -(2**63) <= sort.to_key(one) < 2**63


def test_each_name_says_its_direction() -> None:
    assert {name: sort.descending for name, sort in SORTS.items()} == {
        name: name.startswith("-") for name in SORTS
    }
    assert {sort.column for sort in SORTS.values()} == set(VALUES)
