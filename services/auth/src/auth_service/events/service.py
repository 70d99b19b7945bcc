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
    limit, total = query.limit + 1, None  # one more tells whether there is
    async with resources.database.transaction() as connection:
        if query.include is None:
            found = await repository.page(connection, user_id, before, limit)
        else:
            found, total = await repository.page_and_total(connection, user_id, before, limit)
    items = found[: query.limit]
    more = len(found) > query.limit
    following = resources.cursors.seal(user_id, items[-1].id) if more else None
    bodies = [EventBody.of(event) for event in items]
    return Events(items=bodies, next_cursor=following, total=total)
