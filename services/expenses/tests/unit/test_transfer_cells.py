import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expenses_service.transfer.cells import COLUMNS, guarded, unguarded

FORMULA = ("=", "+", "-", "@", "'", "\t", "\r")
NASTY = st.text(st.one_of(st.sampled_from("=+-@'\t\r\n\",; a"), st.characters(codec="utf-8")))


@given(NASTY)
def test_a_guard_comes_off_again(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert (guarded(text) == text) != text.startswith(FORMULA)


@given(NASTY)
def test_so_it_does_after_a_csv(text: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow([guarded(text), "x"])
    file.seek(0)
    assert [unguarded(cell) for cell in next(csv.reader(file))] == [text, "x"]


@pytest.mark.parametrize("text", ["'", "'tis", "''", "O'Hara", "", "1-2", "a=b"])
def test_a_quote_that_guards_nothing_stays(text: str) -> None:
    assert unguarded(text) == (text[1:] if text == "''" else text)


def test_the_header_of_an_export_is_the_contract() -> None:
    assert COLUMNS == (
        "id", "kind", "amount", "currency", "spent_on", "description", "merchant", "category",
        "tags", "payment_method", "notes", "metadata", "source", "external_id", "version",
        "created_at", "updated_at", "deleted_at",
    )  # fmt: skip
