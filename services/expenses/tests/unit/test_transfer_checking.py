"""A row of a file is judged as POST judges its document."""

import json
import random
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from expenses_service.errors import ValidationFailed
from expenses_service.transfer.cells import members
from expenses_service.transfer.checking import FIELDS, OPTIONAL, STAGED, Checker
from expenses_service.transfer.lines import Format

TODAY = date(2026, 5, 31)
ID = "019a3c5e-7d1f-7c2a-9b57-2f0c8d1e6a43"
LUNCH: dict[str, Any] = {"amount": "12.50", "currency": "EUR", "description": "Lunch"}
FULL: dict[str, Any] = LUNCH | {
    "id": ID,
    "kind": "refund",
    "spent_on": "2026-05-01",
    "merchant": "Enzo",
    "category": "food",
    "tags": ["A", 'b"\\,'.replace(",", "")],
    "payment_method": "card",
    "notes": "one\ntwo",
    "metadata": {"k": "v"},
    "source": "bank",
    "external_id": "7",
}
# One of each for both forms and for all examples: what it remembers of a row must suit the next.
CHECKERS: dict[Format, Checker] = {
    "csv": Checker("csv", TODAY),
    "ndjson": Checker("ndjson", TODAY),
}


def staged(row: object, form: Format = "ndjson") -> dict[str, Any]:
    return dict(zip(STAGED, CHECKERS[form].cells(row), strict=True))


def found(row: object, form: Format = "ndjson") -> list[tuple[str, str | None]]:
    with pytest.raises(ValidationFailed) as refused:
        CHECKERS[form].cells(row)
    return [(error.code, error.pointer) for error in refused.value.errors]


def bits(*names: str) -> int:
    return sum(OPTIONAL[name] for name in names)


def test_a_short_row_has_what_a_new_expense_has() -> None:
    assert staged(LUNCH) == {
        "id": None, "given": 0, "kind": "expense", "amount": 1250, "currency": "EUR",
        "spent_on": "2026-05-31", "description": "Lunch", "merchant": None, "category": "other",
        "tags": "{}", "payment_method": None, "notes": None, "metadata": "{}", "source": None,
        "external_id": None,
    }  # fmt: skip


def test_a_full_row_has_all_its_members() -> None:
    cells = staged(FULL)
    assert cells["given"] == bits(*OPTIONAL)
    assert cells["tags"] == r'{"a","b\"\\"}'
    assert (cells["id"], cells["metadata"]) == (ID, '{"k":"v"}')
    same = set(FIELDS) - {"amount", "tags", "metadata"}
    assert {name: cells[name] for name in same} == {name: FULL[name] for name in same}


def test_what_no_file_decides_is_not_looked_at() -> None:
    ours = {"version": "x", "created_at": 0, "updated_at": [], "deleted_at": {}}
    assert staged(LUNCH | ours) == staged(LUNCH)
    texts = dict.fromkeys(ours, "=1")
    assert staged(LUNCH | texts, "csv") == staged(LUNCH, "csv")


@pytest.mark.parametrize("name", sorted(set(OPTIONAL) - {"kind", "spent_on"}))
def test_null_says_that_there_is_none(name: str) -> None:
    pair = ["source", "external_id"] if name in {"source", "external_id"} else [name]
    cells = staged(LUNCH | dict.fromkeys(pair))
    assert cells == staged(LUNCH) | {"given": bits(*pair)}
    assert staged(LUNCH | dict.fromkeys(pair, ""), "csv") == cells


def test_a_day_that_is_null_is_not_given() -> None:
    assert staged(LUNCH | {"spent_on": None}) == staged(LUNCH)
    assert found(LUNCH | {"kind": None}) == [("literal_error", "/kind")]
    row = members(["kind", "spent_on", "id", *LUNCH], ["", "", "", *LUNCH.values()])
    assert staged(row, "csv") == staged(LUNCH)


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"amount": "12.505"}, [("amount_scale", "/amount")]),
        ({"amount": "0"}, [("amount_range", "/amount")]),
        ({"amount": True}, [("amount_format", "/amount")]),
        ({"amount": None}, [("amount_format", "/amount")]),
        ({"amount": Decimal("12.505")}, [("amount_scale", "/amount")]),
        ({"currency": "eur"}, [("unknown_currency", "/currency")]),
        ({"currency": "JPY"}, [("amount_scale", "/amount")]),
        ({"description": " "}, [("blank", "/description")]),
        ({"description": "a\x00b"}, [("control_character", "/description")]),
        ({"merchant": ""}, [("string_too_short", "/merchant")]),
        ({"notes": "x" * 2001}, [("string_too_long", "/notes")]),
        ({"notes": "a\r\nb"}, [("control_character", "/notes")]),
        ({"spent_on": "31.5.2026"}, [("invalid_date", "/spent_on")]),
        ({"tags": ["a,b"]}, [("comma", "/tags/0")]),
        ({"tags": "a"}, [("list_type", "/tags")]),
        ({"metadata": {"a": 1}}, [("string_type", "/metadata/a")]),
        ({"source": "bank"}, [("incomplete_external_id", "/external_id")]),
        ({"external_id": "7"}, [("incomplete_external_id", "/source")]),
        ({"external_id": "7", "source": None}, [("incomplete_external_id", "/source")]),
        ({"id": "7"}, [("uuid_parsing", "/id")]),
        ({"id": 7}, [("uuid_parsing", "/id")]),
        ({"ammount": "1"}, [("unknown_field", "/ammount")]),
        (
            {"kind": "gift", "notes": "\0"},
            [("literal_error", "/kind"), ("control_character", "/notes")],
        ),
    ],
)
def test_what_is_wrong_is_said_as_post_says_it(
    change: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    assert staged(LUNCH)
    assert found(LUNCH | change) == errors
    if all(isinstance(value, str) and value for value in change.values()) and "tags" not in change:
        assert found(LUNCH | change, "csv") == errors


@pytest.mark.parametrize("row", [None, [], "x", 1, {}])
def test_a_row_is_a_document_with_what_is_required(row: object) -> None:
    codes = {code for code, _ in found(row)}
    assert codes == ({"required"} if row == {} else {"model_type"})


@pytest.mark.parametrize(
    ("name", "cell"), [("tags", "a"), ("metadata", "{"), ("tags", '["a" "b"]')]
)
def test_json_in_a_cell_is_strict(name: str, cell: str) -> None:
    assert found(LUNCH | {name: cell}, "csv") == [("malformed_json", f"/{name}")]


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.decimals(), st.text(max_size=4),
    st.lists(st.one_of(st.text(max_size=3), st.integers(0, 1)), max_size=3),
    st.dictionaries(st.text(max_size=2), st.one_of(st.text(max_size=2), st.integers()), max_size=2),
)  # fmt: skip
GOOD = {name: st.just(value) for name, value in FULL.items()} | {
    "amount": st.one_of(
        st.sampled_from(["1", "1.5", "1.50", "1.500", 1, 1.5, True, Decimal("1.50"), Decimal(1)])
    ),
    "currency": st.sampled_from(["EUR", "JPY", "KWD", "CLF"]),
    "tags": st.lists(st.sampled_from(["a", "A", "b", '"', "\\", "x" * 40]), max_size=21),
    "metadata": st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "é", '"'])),
}


@settings(max_examples=1500)
@given(
    st.fixed_dictionaries({}, optional={name: GOOD[name] for name in FULL}),
    st.dictionaries(st.sampled_from([*FULL, "version", "x"]), VALUES, max_size=2),
    st.randoms(use_true_random=False),
)
@example(LUNCH | {"amount": 1}, {}, random.Random(0))
@example(LUNCH | {"amount": True}, {}, random.Random(0))
def test_what_is_known_to_be_good_is_what_post_takes(
    good: dict[str, Any], odd: dict[str, Any], dice: random.Random
) -> None:
    row = LUNCH | good | odd
    names = list(row)
    dice.shuffle(names)
    agree(CHECKERS["ndjson"], {name: row[name] for name in names})


@settings(max_examples=1500)
@given(
    st.fixed_dictionaries({}, optional={name: GOOD[name] for name in FULL}),
    st.dictionaries(
        st.sampled_from(list(FULL)),
        st.one_of(st.text(st.sampled_from("'=-+@\t\n\"[]{}a1"), max_size=4), st.text(max_size=3)),
        max_size=2,
    ),
)
def test_so_it_is_in_csv(good: dict[str, Any], odd: dict[str, str]) -> None:
    row = LUNCH | {name: as_cell(value) for name, value in good.items()} | odd
    agree(CHECKERS["csv"], members(list(row), list(row.values())))


def as_cell(value: object) -> str:
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def agree(checker: Checker, row: dict[str, Any]) -> None:
    try:
        known = checker._known(row)  # noqa: SLF001 - both ways must agree
    except (ValueError, TypeError, KeyError):
        return
    assert as_copied(known) == as_copied(checker._whole(row))  # noqa: SLF001 - the same


def as_copied(cells: Sequence[Any]) -> list[str]:
    """JSON apart, COPY is told the same text."""
    named = dict(zip(STAGED, cells, strict=True))
    named["metadata"] = json.loads(named["metadata"])
    return ["" if cell is None else str(cell) for cell in named.values()]
