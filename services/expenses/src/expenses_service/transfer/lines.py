"""Expenses as lines of a file."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import json, to_builtins

from expenses_service.categories.rules import Category
from expenses_service.changes.models import LogEntry
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


def user_line(user_id: UUID, seq: int) -> bytes:
    """The first line of an archive: whose it is, and the number of the last change in it."""
    return _typed("user", [{"id": user_id, "seq": seq}])


def category_lines(categories: Sequence[Category]) -> bytes:
    """The categories that the user made, changed or deleted; the others are everybody's."""
    return _typed("category", map(asdict, categories))


def expense_lines(expenses: Sequence[Expense]) -> bytes:
    """Expenses as they are, also deleted ones."""
    return _typed("expense", map(document, expenses))


def change_lines(entries: Sequence[LogEntry]) -> bytes:
    """Changes, each with the expense as it left it."""
    return _typed(
        "change",
        (
            {
                "seq": entry.seq,
                "action": entry.action,
                "id": entry.expense_id,
                "version": entry.version,
                "at": entry.at,
                "expense": document(entry.expense),
            }
            for entry in entries
        ),
    )


def end_line(categories: int, expenses: int, changes: int) -> bytes:
    """The last line of an archive: without it the file is not whole."""
    counts = {"categories": categories, "expenses": expenses, "changes": changes}
    return _typed("end", [counts])


def _typed(kind: str, documents: Iterable[dict[str, Any]]) -> bytes:
    return _one_line_each(_ENCODER.encode_lines([{"type": kind, **each} for each in documents]))


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
