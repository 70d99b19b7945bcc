"""Carries out many operations: reads all that they touch, decides, and writes once."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.authentication.models import Principal
from expenses_service.bulk import repository
from expenses_service.bulk.documents import ProblemOf, results_body
from expenses_service.bulk.models import Outcome
from expenses_service.bulk.rules import FEW, Ledger, refused, require_room
from expenses_service.bulk.schemas import (
    OPERATIONS,
    BulkRequest,
    Create,
    Delete,
    Kind,
    Operation,
    Update,
)
from expenses_service.categories.repository import open_slugs
from expenses_service.changes.repository import lock_user, write_expenses
from expenses_service.errors import ServiceError, ValidationFailed
from expenses_service.expenses.rules import DEFAULT_CATEGORY, new_id
from expenses_service.expenses.writing import writing
from expenses_service.idempotency.models import Answer, KeyedRequest
from expenses_service.idempotency.service import once
from expenses_service.resources import Resources
from expenses_service.validation import validate

PARSED_AT_ONCE: Final = 16
_MEMBER: Final = {"create": "/expense", "update": "/changes", "delete": ""}


async def carry_out(
    resources: Resources,
    principal: Principal,
    asked: BulkRequest,
    keyed: KeyedRequest | None,
    problem_of: ProblemOf,
) -> Answer:
    """Do what is asked, in order, each operation on what the ones before it left.

    Raises:
        ValidationFailed: the mode is atomic and an operation failed, or what the operations change
            is too large for one request; nothing was written.
        IdempotencyKeyReused, IdempotencyInProgress: see there.

    """
    operations = []
    for number, value in enumerate(asked.operations):
        if number % PARSED_AT_ONCE == 0:
            await asyncio.sleep(0)  # others have their turn
        operations.append(_parsed(value))
    async with writing(resources) as connection:

        async def effect() -> Answer:
            await lock_user(connection, principal.user_id)
            now = datetime.now(UTC)
            today = principal.today(now)
            ledger = await _ledger(connection, principal.user_id, operations, now)
            outcomes = [
                _attempt(ledger, operation, f"/operations/{index}", today)
                for index, operation in enumerate(operations)
            ]
            if asked.mode == "atomic":
                _require_all(outcomes)
            if ledger.changes and not asked.dry_run:
                moved = ledger.handed_over()
                await write_expenses(connection, principal.user_id, ledger.changes, moved)
            return Answer(200, results_body(outcomes, problem_of))

        return await once(connection, keyed, effect)


def _parsed(value: object) -> Operation | ValidationFailed:
    """The operation, or what is wrong with its form."""
    try:
        return validate(OPERATIONS[validate(Kind, value).op], value)
    except ValidationFailed as error:
        return error


async def _ledger(
    connection: AsyncConnection,
    user_id: UUID,
    operations: Sequence[Operation | ValidationFailed],
    now: datetime,
) -> Ledger:
    """Four queries at most, however many operations there are. Raises ValidationFailed."""
    changing = [each for each in operations if isinstance(each, Update | Delete)]
    ids = {each.id for each in changing}
    if len(ids) > FEW:
        size = await repository.metadata_bytes(connection, user_id, ids)
        require_room(size, "/operations")
    rows = await repository.find_all(connection, user_id, ids)
    bodies = [each.body for each in operations if isinstance(each, Create | Update)]
    keys = [(each.source, each.external_id) for each in bodies]
    keys += [(row.source, row.external_id) for row in rows]
    names = await repository.holders(
        connection,
        user_id,
        {source for source, _ in keys if source is not None},
        {external_id for _, external_id in keys if external_id is not None},
    )
    categories = {each.category or DEFAULT_CATEGORY for each in bodies}
    open_ones = await open_slugs(connection, user_id, categories)
    new_ids = sorted(new_id(now) for _ in operations)
    return Ledger(rows, names, open_ones, iter(new_ids), now)


def _attempt(
    ledger: Ledger, operation: Operation | ValidationFailed, place: str, today: date
) -> Outcome:
    if isinstance(operation, ValidationFailed):
        return refused(operation, place, "")
    try:
        if isinstance(operation, Create):
            return Outcome("created", ledger.create(operation.expense.fields(), today))
        if isinstance(operation, Update):
            fields = operation.changes.fields()
            return Outcome("updated", ledger.update(operation.id, operation.version, fields))
        ledger.delete(operation.id, operation.version)
        return Outcome("deleted")
    except ServiceError as error:
        return refused(error, place, _MEMBER[operation.op])


def _require_all(outcomes: Sequence[Outcome]) -> None:
    errors = [error for outcome in outcomes for error in outcome.blamed]
    if errors:
        raise ValidationFailed(errors=errors)
