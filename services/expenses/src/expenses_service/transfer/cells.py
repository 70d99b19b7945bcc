"""Cells of a CSV file (RFC 4180): what they stand for, and how no spreadsheet runs them."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from expenses_service.expenses.models import Expense
from expenses_service.json_text import parse_text
from expenses_service.transfer.errors import Fault, FileRefused

COLUMNS: Final[tuple[str, ...]] = Expense.__struct_fields__
"""The header of an export: the fields of an expense, in their order."""
REQUIRED: Final = ("amount", "currency", "description")
OURS: Final = frozenset({"version", "created_at", "updated_at", "deleted_at"})
"""What no file decides."""

_JSON: Final = frozenset({"tags", "metadata"})
_NEVER_NULL: Final = ("id", "kind", "spent_on", *REQUIRED)
_GUARD: Final = "'"
_FORMULA: Final = ("=", "+", "-", "@", _GUARD, "\t", "\r")
_GUARDED: Final = tuple(_GUARD + start for start in _FORMULA)


def guarded(text: str) -> str:
    """`text` with a quote before it when a spreadsheet would run it, or when it has one itself."""
    return _GUARD + text if text.startswith(_FORMULA) else text


def unguarded(cell: str) -> str:
    """What `guarded` made the cell of; a quote that it did not put there stays."""
    return cell[1:] if cell.startswith(_GUARDED) else cell


def members(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """A row by its columns, without empty cells where null cannot be."""
    row = dict(zip(header, cells, strict=True))
    if "" in cells:
        for name in _NEVER_NULL:
            if row.get(name) == "":
                del row[name]
    return row


def value_of(name: str, cell: str) -> object:
    """What a cell stands for in a document of JSON. Raises NotJson."""
    if not cell:
        return None
    return parse_text(cell) if name in _JSON else unguarded(cell)


def require_header(line: int, header: Sequence[str]) -> None:
    """Raises FileRefused unless it names fields of an expense, each once, and the required ones."""
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        detail = "must separate its cells by commas; save the file as CSV with commas"
        raise FileRefused(Fault(line, "invalid_separator", "", detail))
    faults = [_unknown(line, name) for name in header if name not in COLUMNS]
    faults += [
        Fault(line, "duplicate_column", f"/{name}", "is there twice")
        for name in COLUMNS
        if header.count(name) > 1
    ]
    faults += [
        Fault(line, "required", f"/{name}", "is a column that the first line must name")
        for name in REQUIRED
        if name not in header
    ]
    if faults:
        raise FileRefused(*faults)


def _unknown(line: int, name: str) -> Fault:
    near = get_close_matches(name[:64].strip().lower(), COLUMNS, n=1)
    detail = "is no field of an expense, and the first line must name the columns"
    return Fault(line, "unknown_field", f"/{name[:64]}", detail, near[0] if near else None)
