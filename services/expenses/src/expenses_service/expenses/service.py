"""What can be done with expenses: a use case is a transaction, a write goes by the one writer."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from expenses_service.authentication.models import Principal
from expenses_service.cache.models import Reply
from expenses_service.changes.repository import insert_expenses, lock_user
from expenses_service.errors import NotFound, VersionConflict
from expenses_service.expenses import rules
from expenses_service.expenses.documents import created, expense_body
from expenses_service.expenses.models import Expense
from expenses_service.expenses.recording import New
from expenses_service.expenses.writing import (
    keep_category,
    live,
    next_version,
    own,
    require_open,
    writing,
)
from expenses_service.idempotency.models import Answer, KeyedRequest
from expenses_service.idempotency.service import once
from expenses_service.resources import Resources


async def create(
    resources: Resources,
    principal: Principal,
    fields: Mapping[str, Any],
    keyed: KeyedRequest | None,
) -> Answer:
    """Record a new expense; with a key, once.

    Raises:
        ValidationFailed: unknown_category and what `rules.new_expense` finds.
        ExternalIdTaken, IdempotencyKeyReused, IdempotencyInProgress: see there.

    """
    now = datetime.now(UTC)
    expense = rules.new_expense(fields, today=principal.today(now), now=now)
    answer = created(expense)
    if await resources.recorder.record(principal.user_id, New(expense, keyed, answer)):
        return answer
    async with writing(resources) as connection:

        async def effect() -> Answer:
            await lock_user(connection, principal.user_id)
            await require_open(connection, principal.user_id, expense.category)
            await insert_expenses(connection, principal.user_id, [expense])
            return answer

        return await once(connection, keyed, effect)


async def read(resources: Resources, user_id: UUID, expense_id: UUID) -> Reply:
    """A live expense, as it was at a data version or later. Raises NotFound."""
    version = await resources.versions.read(user_id)  # before, so that it is never too new
    async with resources.database.transaction() as connection:
        expense = await live(connection, user_id, expense_id)
        tag = await resources.epoch.tag(connection, expense)
    return Reply(tag, expense_body(expense), version)


async def change(
    resources: Resources,
    principal: Principal,
    expense_id: UUID,
    fields: Mapping[str, Any],
    if_match: Collection[str] | None,
) -> Answer:
    """Apply a merge patch; one that changes nothing gives the same version and leaves no trace.

    Raises:
        ValidationFailed: unknown_category and what `rules.merged` finds.
        NotFound, ExternalIdTaken, VersionConflict: see there.

    """
    rules.check_changes(fields)
    async with writing(resources) as connection:
        await lock_user(connection, principal.user_id)
        try:
            current = await live(connection, principal.user_id, expense_id)
        except NotFound:
            if fields.get("category") is not None:  # what is sent is judged first
                await require_open(connection, principal.user_id, fields["category"])
            raise
        wanted = rules.merged(current, fields)
        if wanted.category != current.category:
            await require_open(connection, principal.user_id, wanted.category)
        after = current
        if wanted != current:
            after = await next_version(connection, principal.user_id, "updated", wanted)
        # After the write: a conflict comes before a stale tag.
        _require_match(current, await resources.epoch.tag(connection, current), if_match)
        return Answer(200, expense_body(after), await resources.epoch.tag(connection, after))


async def delete(
    resources: Resources,
    principal: Principal,
    expense_id: UUID,
    if_match: Collection[str] | None,
) -> None:
    """Take an expense out of every list and sum; its history stays.

    Raises NotFound, also for a deleted one, and VersionConflict.
    """
    async with writing(resources) as connection:
        await lock_user(connection, principal.user_id)
        current = await live(connection, principal.user_id, expense_id)
        _require_match(current, await resources.epoch.tag(connection, current), if_match)
        await next_version(connection, principal.user_id, "deleted", current)


async def restore(
    resources: Resources,
    principal: Principal,
    expense_id: UUID,
    if_match: Collection[str] | None,
    keyed: KeyedRequest | None,
) -> Answer:
    """Bring a deleted expense back as it was; a live one stays as it is, without a new version.

    Its category comes back with it, archived, if that was deleted meanwhile.

    Raises NotFound, VersionConflict, IdempotencyKeyReused, IdempotencyInProgress.
    """
    async with writing(resources) as connection:

        async def effect() -> Answer:
            await lock_user(connection, principal.user_id)
            current = await own(connection, principal.user_id, expense_id)
            _require_match(current, await resources.epoch.tag(connection, current), if_match)
            if current.deleted_at is not None:
                current = await next_version(connection, principal.user_id, "restored", current)
                await keep_category(connection, principal.user_id, current.category)
            tag = await resources.epoch.tag(connection, current)
            return Answer(200, expense_body(current), tag)

        return await once(connection, keyed, effect)


def _require_match(current: Expense, tag: str, if_match: Collection[str] | None) -> None:
    if if_match is not None and tag not in if_match:
        raise VersionConflict(current_version=current.version)
