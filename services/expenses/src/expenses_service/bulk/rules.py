"""What operations make of a user's expenses, one after the other, before anything is written."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace as replaced_in
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from msgspec import json
from msgspec.structs import replace

from expenses_service.bulk.models import Outcome
from expenses_service.changes.models import Action, Change
from expenses_service.errors import (
    FieldError,
    NotFound,
    ServiceError,
    ValidationFailed,
    VersionConflict,
)
from expenses_service.expenses import rules
from expenses_service.expenses.errors import ExternalIdTaken
from expenses_service.expenses.models import Expense, ExternalKey

_BLAMED: Final[Mapping[type[ServiceError], str]] = {
    NotFound: "/id",
    VersionConflict: "/version",
    ExternalIdTaken: "/external_id",
}

MOST_METADATA: Final = 16 * 1024 * 1024
"""Bytes of all updates and deletes of a request, also of those that find all as it shall be.

One expense may have 108 KB, and it is in the answer each time.
"""
FEW: Final = 128
"""Expenses that have less in any case."""


def require_room(metadata: int, pointer: str) -> None:
    """Raise ValidationFailed for more than MOST_METADATA bytes."""
    if metadata > MOST_METADATA:
        most = f"{MOST_METADATA >> 20} MiB"
        detail = f"there is more than {most} of metadata in all that is changed: send fewer"
        raise ValidationFailed(errors=[FieldError("too_large", detail, pointer)])


def external_key(expense: Expense) -> ExternalKey | None:
    """How another system names it, if one does."""
    if expense.source is None or expense.external_id is None:
        return None
    return ExternalKey(expense.source, expense.external_id)


class Ledger:
    """The rows that operations are about, as they are after each; `changes` is what to write.

    It must hold all that the operations can touch: `rows` by their ids, `names` with whoever has
    them, the `categories` that are open; and `ids` for as many new expenses as there may be.
    """

    def __init__(
        self,
        rows: Iterable[Expense],
        names: Mapping[ExternalKey, UUID],
        categories: Collection[str],
        ids: Iterator[UUID],
        now: datetime,
    ) -> None:
        self._before = {row.id: row for row in rows}
        self._rows = dict(self._before)
        own = {key: row.id for row in self._rows.values() if (key := external_key(row)) is not None}
        self._names = {**names, **own}
        self._categories = categories
        self._ids = ids
        self._now = now
        self._metadata = 0
        self.changes: list[Change] = []

    def create(self, fields: Mapping[str, Any], today: date) -> Expense:
        """Raises ValidationFailed and ExternalIdTaken, as the single call does."""
        draft = rules.new_expense(fields, today=today, now=self._now)
        expense = replace(draft, id=next(self._ids))
        self._require_open(expense.category)
        self._require_free(expense)
        return self._write("created", None, expense)

    def update(self, expense_id: UUID, version: int | None, fields: Mapping[str, Any]) -> Expense:
        """Raises ValidationFailed, NotFound, ExternalIdTaken and VersionConflict, in this order.

        ValidationFailed comes last when it is for want of room.
        """
        rules.check_changes(fields)
        try:
            current = self._live(expense_id)
        except NotFound:
            if fields.get("category") is not None:  # what is sent is judged first
                self._require_open(fields["category"])
            raise
        wanted = rules.merged(current, fields)
        if wanted.category != current.category:
            self._require_open(wanted.category)
        self._require_free(wanted)
        _require_version(current, version)
        self._take_room(wanted)
        return current if wanted == current else self._write("updated", current, wanted)

    def delete(self, expense_id: UUID, version: int | None) -> None:
        """Raises NotFound, VersionConflict, and ValidationFailed for want of room."""
        current = self._live(expense_id)
        _require_version(current, version)
        self._take_room(current)
        self._write("deleted", current, replace(current, deleted_at=self._now))

    def handed_over(self) -> list[UUID]:
        """The stored rows whose external id another of the written rows has in the end."""
        taken = {external_key(change.row): change.row.id for change in self.changes}
        return [
            row.id
            for row in self._before.values()
            if (key := external_key(row)) is not None and taken.get(key, row.id) != row.id
        ]

    def _take_room(self, expense: Expense) -> None:
        metadata = self._metadata + len(json.encode(expense.metadata))
        require_room(metadata, "")
        self._metadata = metadata

    def _live(self, expense_id: UUID) -> Expense:
        expense = self._rows.get(expense_id)
        if expense is None or expense.deleted_at is not None:
            raise NotFound
        return expense

    def _require_open(self, category: str) -> None:
        if category not in self._categories:
            raise rules.unknown_category(category)

    def _require_free(self, wanted: Expense) -> None:
        key = external_key(wanted)
        if key is not None and self._names.get(key, wanted.id) != wanted.id:
            raise ExternalIdTaken

    def _write(self, action: Action, current: Expense | None, wanted: Expense) -> Expense:
        row = wanted
        if current is not None:
            row = replace(wanted, version=current.version + 1, updated_at=self._now)
            if (left := external_key(current)) is not None:
                del self._names[left]
        if (key := external_key(row)) is not None:
            self._names[key] = row.id
        self._rows[row.id] = row
        self.changes.append(Change(action, row))
        return row


def refused(error: ServiceError, operation: str, member: str) -> Outcome:
    """`error` of a single call as that of an operation; `member` is what holds its fields.

    Both are pointers (RFC 6901): `/operations/3`, and below it `/expense` or `/changes`.
    """
    placed = tuple(
        replaced_in(each, pointer=f"{operation}{member}{each.pointer}") for each in error.errors
    )
    inside = member if isinstance(error, ExternalIdTaken) else ""
    place = f"{operation}{inside}{_BLAMED.get(type(error), '')}"
    told = type(error)(error.detail, errors=placed, cause=error.cause, **error.extensions)
    blamed = placed or (FieldError(error.code, error.detail, pointer=place),)
    return Outcome(error=told, blamed=blamed)


def _require_version(current: Expense, version: int | None) -> None:
    if version not in {None, current.version}:
        raise VersionConflict(current_version=current.version)
