"""A draft's fields and their bytes, by which a key knows its request, also after an upgrade."""

from decimal import Decimal
from typing import Any

from hypothesis import given, reject
from hypothesis import strategies as st
from msgspec import json
from pydantic import ValidationError

from expenses_service.expenses.schemas import ExpenseDraft

text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
DRAFTS = st.fixed_dictionaries(
    {
        "amount": st.one_of(
            st.from_regex(r"[1-9][0-9]{0,12}(\.[0-9]{1,2})?", fullmatch=True),
            st.decimals("0.01", "99999999999", places=2),
            st.sampled_from([Decimal(1000), Decimal("1E+3"), 7]),
        ),
        "currency": st.sampled_from(["EUR", "JPY", "KWD"]),
        "description": text,
    },
    optional={
        "kind": st.sampled_from(["expense", "refund"]),
        "merchant": st.none() | text,
        "payment_method": st.none() | st.sampled_from(["cash", "card"]),
        "spent_on": st.none() | st.dates().map(str),
        "category": st.none() | text,
        "tags": st.none() | st.lists(text, max_size=3),
        "notes": st.none() | st.text('a"\\/\t\n\r\x7f\u2028é😀', min_size=1, max_size=12),
        "metadata": st.none() | st.dictionaries(text, text, max_size=3),
        "source": st.none() | text,
        "external_id": st.none() | text,
    },
)


def test_the_bytes_of_a_draft_are_these() -> None:
    """Those of the first release, since a key is remembered for a day."""
    sent = {"tags": ["é"], "description": 'a"b', "currency": "EUR", "amount": Decimal("12.50")}
    made = json.encode(ExpenseDraft.model_validate(sent).fields())
    expected = '{"amount":"12.5","currency":"EUR","description":"a\\"b","tags":["é"]}'
    assert made == expected.encode()


@given(DRAFTS)
def test_the_bytes_of_the_fields_are_those_of_the_model(sent: dict[str, Any]) -> None:
    try:
        draft = ExpenseDraft.model_validate(sent)
    except ValidationError:
        reject()
    fields = draft.fields()
    assert fields.keys() == sent.keys()
    assert json.encode(fields) == draft.model_dump_json(exclude_unset=True).encode()
