"""What operations make of rows, before anything is written."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from expenses_service.bulk.rules import Ledger, refused
from expenses_service.errors import (
    FieldError,
    NotFound,
    ServiceError,
    ValidationFailed,
    VersionConflict,
)
from expenses_service.expenses.errors import ExternalIdTaken
from expenses_service.expenses.models import Expense, ExternalKey
from tests.ledger import expense

NOW = datetime(2026, 11, 24, tzinfo=UTC)
TODAY = date(2026, 11, 24)
DRAFT: dict[str, Any] = {"amount": Decimal(1), "currency": "EUR", "description": "x"}


def ledger(*rows: Expense, names: dict[ExternalKey, UUID] | None = None) -> Ledger:
    return Ledger(rows, names or {}, {"food", "other"}, iter([uuid4() for _ in range(9)]), NOW)


def named(name: str | None, **fields: object) -> Expense:
    return expense(source=None if name is None else "s", external_id=name, **fields)


def test_each_change_is_the_next_version_of_the_one_before() -> None:
    row = expense(version=4)
    book = ledger(row)
    book.update(row.id, 4, {"notes": "a"})
    book.update(row.id, None, {"notes": "a"})
    book.update(row.id, 5, {"notes": "b"})
    book.delete(row.id, 6)
    assert [(each.action, each.row.version, each.row.notes) for each in book.changes] == [
        ("updated", 5, "a"), ("updated", 6, "b"), ("deleted", 7, "b")
    ]  # fmt: skip
    assert book.changes[-1].row.deleted_at == NOW
    with pytest.raises(NotFound):
        book.delete(row.id, None)


def test_a_refusal_leaves_everything_as_it_was() -> None:
    one, two = named("1"), named("2")
    book = ledger(one, two, names={ExternalKey("s", "3"): uuid4()})
    key = {"source": "s", "external_id": "2"}
    for error, call in (
        (ExternalIdTaken, lambda: book.update(one.id, 9, {"external_id": "2"})),
        (ExternalIdTaken, lambda: book.update(one.id, None, {"external_id": "3"})),
        (ExternalIdTaken, lambda: book.create(DRAFT | key, TODAY)),
        (VersionConflict, lambda: book.update(one.id, 9, {"external_id": "4"})),
        (VersionConflict, lambda: book.delete(one.id, 9)),
        (ValidationFailed, lambda: book.update(one.id, 9, {"category": "no", "external_id": "2"})),
        (ValidationFailed, lambda: book.create(DRAFT | {"category": "no"}, TODAY)),
        (NotFound, lambda: book.update(uuid4(), 9, {})),
    ):
        with pytest.raises(error):
            call()
    assert book.changes == []
    assert book.update(one.id, None, {"external_id": "1"}) == one


def test_who_hands_his_external_id_over() -> None:
    one, two, three, four = (named(name) for name in "1234")
    book = ledger(one, two, three, four)
    book.update(one.id, None, {"source": None, "external_id": None})
    book.update(two.id, None, {"external_id": "1"})
    book.update(three.id, None, {"external_id": "5"})
    book.create(DRAFT | {"source": "s", "external_id": "2"}, TODAY)
    book.update(four.id, None, {"notes": "n"})
    assert set(book.handed_over()) == {one.id, two.id}


def test_one_that_comes_back_was_not_handed_over() -> None:
    one, two = named("1"), named(None)
    book = ledger(one, two)
    book.update(one.id, None, {"external_id": "2"})
    book.update(two.id, None, {"source": "s", "external_id": "1"})
    book.update(two.id, None, {"external_id": "3"})
    book.update(one.id, None, {"external_id": "1"})
    assert book.handed_over() == []


@pytest.mark.parametrize(
    ("error", "pointer", "told"),
    [
        (NotFound(), "/operations/3/id", ()),
        (VersionConflict(current_version=2), "/operations/3/version", ()),
        (ExternalIdTaken(), "/operations/3/changes/external_id", ()),
        (
            ValidationFailed(errors=[FieldError("x", "y", pointer="/amount", suggestion="z")]),
            "/operations/3/changes/amount",
            (FieldError("x", "y", pointer="/operations/3/changes/amount", suggestion="z"),),
        ),
    ],
)
def test_a_refusal_names_its_operation(
    error: ServiceError, pointer: str, told: tuple[FieldError, ...]
) -> None:
    outcome = refused(error, "/operations/3", "/changes")
    assert outcome.error is not None
    assert (type(outcome.error), outcome.error.errors) == (type(error), told)
    assert outcome.error.extensions == error.extensions
    assert [each.pointer for each in outcome.blamed] == [pointer]
