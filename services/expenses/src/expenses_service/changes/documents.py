"""The log as clients see it, as bytes."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import json

from expenses_service.changes.models import LogEntry, LogPage
from expenses_service.expenses.documents import document

HISTORY_BEGINS: Final = b'{"items":['
HISTORY_ENDS: Final = b"]}"


def changes_body(page: LogPage) -> bytes:
    """A page of the feed; after the last change it leads to that one."""
    last = page.entries[-1].seq if page.entries else page.seq
    items = [_change(entry) for entry in page.entries]
    return json.encode({"items": items, "next_since": last, "has_more": last < page.seq})


def history_body(entries: Sequence[LogEntry]) -> bytes:
    """All versions of one expense."""
    return HISTORY_BEGINS + history_part(entries) + HISTORY_ENDS


def history_part(entries: Sequence[LogEntry]) -> bytes:
    """Some of them, for between beginning and end; a comma parts them from others."""
    return json.encode([_version(entry) for entry in entries])[1:-1]


def _change(entry: LogEntry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "action": entry.action,
        "id": entry.expense_id,
        "expense": None if entry.action == "deleted" else document(entry.expense),
    }


def _version(entry: LogEntry) -> dict[str, Any]:
    return {
        "version": entry.version,
        "action": entry.action,
        "at": entry.at,
        "expense": document(entry.expense),
    }
