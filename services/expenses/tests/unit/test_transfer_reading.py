"""Rows of files, by the line on which each begins."""

import io
import json
from typing import Any

import pytest

from expenses_service.transfer import reading
from expenses_service.transfer.errors import Fault, FileRefused
from expenses_service.transfer.lines import Format
from expenses_service.transfer.models import MAX_ROWS

HEAD = "amount,currency,description"


def rows(text: str | bytes, form: Format = "csv") -> list[tuple[int, Any]]:
    body = text.encode() if isinstance(text, str) else text
    return list(reading.rows_of(io.BytesIO(body), form))


def refusal(text: str | bytes, form: Format = "csv") -> list[tuple[int, str, str]]:
    with pytest.raises(FileRefused) as refused:
        rows(text, form)
    return [(fault.line, fault.code, fault.pointer) for fault in refused.value.faults]


def fault(row: tuple[int, Any]) -> tuple[int, str]:
    line, found = row
    assert isinstance(found, Fault)
    assert found.line == line
    return line, found.code


def member(amount: str, description: str = "x") -> dict[str, str]:
    return {"amount": amount, "currency": "EUR", "description": description}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_csv_in_any_line_ends_with_or_without_the_last_and_a_mark(
    end: str, mark: str, *, last: bool
) -> None:
    text = mark + end.join([HEAD, "1,EUR,x", "", "2,EUR,x"]) + (end if last else "")
    assert rows(text) == [(2, member("1")), (4, member("2"))]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_record_of_several_lines_begins_on_its_first(end: str) -> None:
    text = end.join([HEAD, '1,EUR,"a', "", 'b,""c"""', "2,EUR,x", '3,EUR,"d', 'e"', "4,EUR,x"])
    assert rows(text) == [
        (2, member("1", 'a\n\nb,"c"')),
        (5, member("2")),
        (6, member("3", "d\ne")),
        (8, member("4")),
    ]


def test_columns_come_in_any_order_and_required_ones_are_absent_when_empty() -> None:
    text = "notes,description,spent_on,kind,id,currency,amount\n,x,,,,EUR,\n"
    assert rows(text) == [(2, {"notes": "", "description": "x", "currency": "EUR"})]


def test_a_record_that_is_none_does_not_take_others_with_it() -> None:
    found = rows(f'{HEAD}\n1,EUR,"a"b\n2,EUR\n3,EUR,x,y\n4,EUR,x\n5,EUR,"open\n6,EUR,x')
    assert [fault(found[0]), fault(found[1]), fault(found[2])] == [
        (2, "malformed_csv"),
        (3, "cell_count"),
        (4, "cell_count"),
    ]
    assert found[3] == (5, member("4"))
    assert fault(found[4]) == (6, "malformed_csv")
    assert len(found) == 5


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", [(1, "required", f"/{n}") for n in ("amount", "currency", "description")]),
        ("\n\n", [(1, "required", f"/{n}") for n in ("amount", "currency", "description")]),
        ("\namount,currency\n", [(2, "required", "/description")]),
        (f"{HEAD},amount\n", [(1, "duplicate_column", "/amount")]),
        (f"{HEAD},Notes\n", [(1, "unknown_field", "/Notes")]),
        (f"{HEAD},\n", [(1, "unknown_field", "/")]),
        ("amount;currency;description\n1;EUR;x\n", [(1, "invalid_separator", "")]),
        ("amount\tcurrency\tdescription\n", [(1, "invalid_separator", "")]),
        ('amount,"currency,description\n', [(1, "malformed_csv", "")]),
        (f"{HEAD}\r1,EUR,x", [(1, "malformed_csv", "")]),
        (f"{HEAD}\n1,EUR,x\n2,EUR,\xfc\n".encode("latin-1"), [(3, "invalid_encoding", "")]),
        (HEAD.encode("utf-16"), [(1, "invalid_encoding", "")]),
        (b"\xed\xa0\x80\n", [(1, "invalid_encoding", "")]),
    ],
)
def test_a_file_of_another_kind_is_refused(
    text: str | bytes, faults: list[tuple[int, str, str]]
) -> None:
    assert refusal(text) == faults


def test_an_unknown_column_is_told_what_it_may_be() -> None:
    with pytest.raises(FileRefused) as refused:
        rows(f"{HEAD},Merchent,xyz")
    assert [fault.suggestion for fault in refused.value.faults] == ["merchant", None]


def test_ndjson_lines_are_documents_or_told_why_not() -> None:
    found = rows('\ufeff{"a":1}\r\n \n\n[2]\n{"a":1,"a":2}\n{"a":NaN}\n{\nnull', "ndjson")
    assert found[:2] == [(1, {"a": 1}), (4, [2])]
    assert [fault(row) for row in found[2:5]] == [(n, "malformed_json") for n in (5, 6, 7)]
    assert found[5] == (8, None)
    assert rows("", "ndjson") == []


def test_a_separator_of_unicode_ends_no_line() -> None:
    text = json.dumps({"a": "\u2028\x85\u2029\x0c"}, ensure_ascii=False)
    assert rows(f"{text}\n{text}", "ndjson") == [(n, json.loads(text)) for n in (1, 2)]


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_rows_are_counted_to_the_edge(form: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 3)
    head, row = (f"{HEAD}\n\n", "1,EUR,x\n") if form == "csv" else ("\n", "{}\n")
    assert len(rows(head + 3 * row, form)) == 3
    line = 6 if form == "csv" else 5
    assert refusal(head + 4 * row, form) == [(line, "too_many_rows", "")]
    assert MAX_ROWS == 100_000


@pytest.mark.parametrize("before", [0, 1, reading.BLOCK_BYTES - 1, 3 * reading.BLOCK_BYTES])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_has_its_longest(before: int, end: bytes) -> None:
    line = b'"' + b"x" * (reading.MAX_LINE_BYTES - 2) + b'"'
    start = b" " * before + b"\n" if before else b""
    text = start + line + end
    number = 2 if before else 1
    assert [row[0] for row in rows(text, "ndjson")] == [number]
    assert refusal(start + b" " + line + end, "ndjson") == [(number, "line_too_long", "")]


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
def test_where_a_block_ends_makes_no_difference(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f'\ufeff{HEAD}\r\n1,EUR,"ä\r\n🥨"\r\n\r\n2,EUR,é\n3,EUR,"open'.encode()
    whole = rows(text)
    monkeypatch.setattr(reading, "BLOCK_BYTES", block)
    assert rows(text) == whole
    broken = text.replace("é".encode(), b"\xff")
    assert refusal(broken) == [(5, "invalid_encoding", "")]


def test_a_cell_that_never_ends_is_given_up() -> None:
    endless = f'{HEAD}\n1,EUR,"' + "x\n" * 200_000 + f"{HEAD}\n"
    found = reading.rows_of(io.BytesIO(endless.encode()), "csv")
    assert fault(next(found)) == (2, "malformed_csv")
    line, _ = next(found)
    assert line < 100_000
