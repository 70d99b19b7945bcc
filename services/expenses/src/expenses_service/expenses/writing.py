"""What all writes of expenses share: the transaction, what must be there, the next version."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.categories import repository as categories
from expenses_service.categories.rules import brought_back
from expenses_service.changes.models import Action, Change
from expenses_service.changes.repository import update_expenses
from expenses_service.database import constraint_name
from expenses_service.errors import NotFound
from expenses_service.expenses import repository, rules
from expenses_service.expenses.errors import ExternalIdTaken
from expenses_service.expenses.models import EXTERNAL, Expense
from expenses_service.resources import Resources


@asynccontextmanager
async def writing(resources: Resources) -> AsyncIterator[AsyncConnection]:
    """A transaction in which the one constraint that a client can meet has a name of its own."""
    try:
        async with resources.database.transaction() as connection:
            yield connection
    except IntegrityError as error:
        if constraint_name(error) == EXTERNAL.name:
            raise ExternalIdTaken from error
        raise


async def own(connection: AsyncConnection, user_id: UUID, expense_id: UUID) -> Expense:
    """The user's expense, deleted or not. Raises NotFound."""
    expense = await repository.find(connection, user_id, expense_id)
    if expense is None:
        raise NotFound
    return expense


async def live(connection: AsyncConnection, user_id: UUID, expense_id: UUID) -> Expense:
    """The user's live expense. Raises NotFound."""
    expense = await own(connection, user_id, expense_id)
    if expense.deleted_at is not None:
        raise NotFound
    return expense


async def require_open(connection: AsyncConnection, user_id: UUID, category: str) -> None:
    """Raises ValidationFailed when the category takes no new expenses."""
    if category not in await categories.open_slugs(connection, user_id, [category]):
        raise rules.unknown_category(category)


async def keep_category(connection: AsyncConnection, user_id: UUID, slug: str) -> None:
    """Bring the category of a restored expense back, if it was deleted meanwhile, as archived."""
    category = await categories.find(connection, user_id, slug)
    if category is not None and category.deleted:
        await categories.save(connection, user_id, brought_back(category), datetime.now(UTC))


async def next_version(
    connection: AsyncConnection, user_id: UUID, action: Action, image: Expense
) -> Expense:
    """Write `image` as the version after the one that it was made from; the action says if live."""
    now = datetime.now(UTC)
    deleted_at = now if action == "deleted" else None
    row = replace(image, version=image.version + 1, updated_at=now, deleted_at=deleted_at)
    await update_expenses(connection, user_id, [Change(action, row)])
    return row
