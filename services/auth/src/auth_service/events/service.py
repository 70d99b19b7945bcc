"""The list of a user's own security events."""

from uuid import UUID

from auth_service.events import repository
from auth_service.events.schemas import EventBody, EventQuery, Events
from auth_service.resources import Resources


async def list_page(resources: Resources, user_id: UUID, query: EventQuery) -> Events:
    """A page, the latest first. Raises InvalidCursor."""
    before = None
    if query.cursor is not None:
        before = resources.cursors.unseal(user_id, query.cursor)
    async with resources.database.transaction() as connection:  # one more tells whether there is
        found = await repository.page(connection, user_id, before, query.limit + 1)
    items = found[: query.limit]
    more = len(found) > query.limit
    following = resources.cursors.seal(user_id, items[-1].id) if more else None
    return Events(items=[EventBody.of(event) for event in items], next_cursor=following)
