"""Reads the change log: as a feed for clients that keep a copy, and as one expense's history."""

from uuid import UUID

from expenses_service.cache.models import Reply
from expenses_service.cache.rules import entity_tag
from expenses_service.changes import repository
from expenses_service.changes.documents import changes_body, history_body
from expenses_service.changes.errors import ResyncRequired
from expenses_service.changes.rules import is_lost
from expenses_service.changes.schemas import ChangesQuery
from expenses_service.errors import NotFound
from expenses_service.resources import Resources


async def changes(resources: Resources, user_id: UUID, query: ChangesQuery) -> Reply:
    """What was written after `since`, in order. Raises ResyncRequired."""
    async with resources.database.transaction() as connection:
        page = await repository.changes_after(connection, user_id, query.since, query.limit)
    if is_lost(query.since, page.seq, page.log_start):
        raise ResyncRequired
    tag = entity_tag(user_id, page.seq, f"changes?{query.canonical()}")
    return Reply(tag, changes_body(page))


async def history(resources: Resources, user_id: UUID, expense_id: UUID) -> Reply:
    """Every version of an expense, oldest first, deleted or not. Raises NotFound."""
    async with resources.database.transaction() as connection:
        versions = await repository.versions_of(connection, user_id, expense_id)
    if not versions:
        raise NotFound
    last = versions[-1]
    tag = entity_tag(user_id, last.version, f"history/{expense_id}@{last.at}")
    return Reply(tag, history_body(versions))
