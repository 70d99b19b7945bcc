"""Expenses as lines of a file."""

import csv
import io
from collections.abc import Sequence
from typing import Any, Final, Literal

from msgspec import json, to_builtins

from expenses_service.expenses.documents import document
from expenses_service.expenses.models import Expense
from expenses_service.transfer.cells import COLUMNS, guarded

Format = Literal["csv", "ndjson"]
MEDIA_TYPES: Final[dict[Format, str]] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "ndjson": "application/x-ndjson",
}

_ENCODER: Final = json.Encoder()
# Some readers split lines at these as well (Unicode Standard, section 5.8); escaped, they cannot.
_OTHER_BREAKS: Final = {
    text.encode(): f"\\u{ord(text):04x}".encode() for text in "\x85\u2028\u2029"
}


def head_of(form: Format) -> bytes:
    """What comes before the first expense."""
    return _rows([COLUMNS]) if form == "csv" else b""


def lines_of(form: Format, expenses: Sequence[Expense]) -> bytes:
    """One record each; an empty cell is null, tags and metadata are JSON in their cell."""
    documents = [document(expense) for expense in expenses]
    if form == "ndjson":
        return _one_line_each(_ENCODER.encode_lines(documents))
    return _rows([[_cell(value) for value in to_builtins(each).values()] for each in documents])


def _one_line_each(lines: bytes) -> bytes:
    for text, escape in _OTHER_BREAKS.items():
        lines = lines.replace(text, escape)
    return lines


def _cell(value: Any) -> str:  # noqa: ANN401 - any member of a document
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return json.encode(value).decode()
    return guarded(str(value))


def _rows(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
