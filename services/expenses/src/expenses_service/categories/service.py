"""What can be done with categories."""

from uuid import UUID

from expenses_service.categories.repository import own_categories
from expenses_service.categories.rules import Category, merge
from expenses_service.resources import Resources


async def list_categories(resources: Resources, user_id: UUID) -> list[Category]:
    """The user's categories, archived ones too. Writes nothing, not even for a new user."""
    async with resources.database.transaction() as connection:
        return merge(await own_categories(connection, user_id))
