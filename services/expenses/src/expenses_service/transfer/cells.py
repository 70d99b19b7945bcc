"""Cells of a CSV file (RFC 4180) that no spreadsheet takes for a formula."""

from typing import Final

from expenses_service.expenses.models import Expense

COLUMNS: Final[tuple[str, ...]] = Expense.__struct_fields__
"""The header of an export: the fields of an expense, in their order."""

_GUARD: Final = "'"
_FORMULA: Final = ("=", "+", "-", "@", _GUARD, "\t", "\r")
_GUARDED: Final = tuple(_GUARD + start for start in _FORMULA)


def guarded(text: str) -> str:
    """`text` with a quote before it when a spreadsheet would run it, or when it has one itself."""
    return _GUARD + text if text.startswith(_FORMULA) else text


def unguarded(cell: str) -> str:
    """What `guarded` made the cell of; a quote that it did not put there stays."""
    return cell[1:] if cell.startswith(_GUARDED) else cell
