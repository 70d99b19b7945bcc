"""Writes an expense under the name that another system gave it, whether it is there or not."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec.structs import asdict
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.authentication.models import Principal
from expenses_service.changes.epochs import Epoch
from expenses_service.changes.repository import insert_expenses, lock_user
from expenses_service.errors import VersionConflict
from expenses_service.expenses import repository, rules
from expenses_service.expenses.documents import created, expense_body
from expenses_service.expenses.errors import Deleted
from expenses_service.expenses.models import Expense, ExternalKey
from expenses_service.expenses.writing import next_version, require_open, writing
from expenses_service.idempotency.models import Answer
from expenses_service.resources import Resources

Precondition = Callable[[str | None], bool]


async def put(
    resources: Resources,
    principal: Principal,
    key: ExternalKey,
    fields: Mapping[str, Any],
    holds: Precondition,
    *,
    revive: bool,
) -> Answer:
    """Make the expense of `key` what `fields` say, all of it; what is so already stays untouched.

    Raises:
        ValidationFailed: unknown_category and what `rules.new_expense` finds.
        Deleted: there is a deleted one, and `revive` does not ask for it.
        VersionConflict: `holds` is false of what is there.

    """
    now = datetime.now(UTC)
    whole = rules.under_key(fields, asdict(key))
    fresh = rules.new_expense(whole, today=principal.today(now), now=now)
    user_id = principal.user_id
    async with writing(resources) as connection:
        await lock_user(connection, user_id)
        current = await repository.find_external(connection, user_id, key)
        wanted = fresh if current is None else rules.replaced(current, whole)
        if not _stays(current, wanted):
            await require_open(connection, user_id, wanted.category)
        if current is None:
            return await _create(connection, user_id, wanted, holds)
        if current.deleted_at is not None and not revive:
            raise Deleted
        return await _replace(connection, user_id, current, wanted, holds, resources.epoch)


def _stays(current: Expense | None, wanted: Expense) -> bool:
    """Whether a live one stays in its category, which may have been archived since."""
    if current is None or current.deleted_at is not None:
        return False
    return wanted.category == current.category


async def _create(
    connection: AsyncConnection, user_id: UUID, expense: Expense, holds: Precondition
) -> Answer:
    if not holds(None):
        raise VersionConflict
    await insert_expenses(connection, user_id, [expense])
    return created(expense)


async def _replace(
    connection: AsyncConnection,
    user_id: UUID,
    current: Expense,
    wanted: Expense,
    holds: Precondition,
    epoch: Epoch,
) -> Answer:
    """One version, also of a deleted one that comes back with other content."""
    if not holds(await epoch.tag(connection, current)):
        raise VersionConflict(current_version=current.version)
    after = current
    if current.deleted_at is not None:
        after = await next_version(connection, user_id, "restored", wanted)
    elif wanted != current:
        after = await next_version(connection, user_id, "updated", wanted)
    return Answer(200, expense_body(after), await epoch.tag(connection, after))
