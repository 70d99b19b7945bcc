"""Reads the change log: as a feed for clients that keep a copy, and as one expense's history."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final
from uuid import UUID

from expenses_service.cache.models import Reply
from expenses_service.cache.rules import entity_tag
from expenses_service.changes import repository
from expenses_service.changes.documents import (
    HISTORY_BEGINS,
    HISTORY_ENDS,
    changes_body,
    history_body,
    history_part,
)
from expenses_service.changes.errors import ResyncRequired
from expenses_service.changes.models import LogEntry
from expenses_service.changes.rules import PAGE_BYTES, is_lost
from expenses_service.changes.schemas import ChangesQuery
from expenses_service.downloads.asking import ask
from expenses_service.downloads.errors import TransferCut
from expenses_service.downloads.models import Download
from expenses_service.errors import NotFound
from expenses_service.resources import Resources

JSON: Final = "application/json"


async def changes(resources: Resources, user_id: UUID, query: ChangesQuery) -> Reply:
    """What was written after `since`, in order. Raises ResyncRequired."""
    async with resources.database.transaction() as connection:
        page = await repository.changes_after(
            connection, user_id, query.since, query.limit, PAGE_BYTES
        )
    if is_lost(query.since, page.seq, page.log_start):
        raise ResyncRequired
    tag = entity_tag(user_id, page.seq, f"changes?{query.canonical()}")
    return Reply(tag, changes_body(page))


async def history(
    resources: Resources, user_id: UUID, expense_id: UUID, client_has: Callable[[str], bool]
) -> Reply | Download:
    """Every version of an expense, oldest first, deleted or not; sent part by part if it is long.

    Raises NotFound, and Unavailable when the user has enough downloads under way.
    """
    async with resources.database.transaction() as connection:
        versions = await repository.versions_of(connection, user_id, expense_id)
    if versions is None:
        raise NotFound
    last, at, first = versions
    tag = entity_tag(user_id, last, f"history/{expense_id}@{at}")
    if client_has(tag):
        return Download(tag, None, JSON, None)
    if first[-1].version == last:
        return Reply(tag, history_body(first))
    with ExitStack() as open_:
        open_.enter_context(resources.downloads.place(user_id))
        rest = _parts_of_history(resources, user_id, first, last)
        return Download(tag, None, JSON, rest, open_.pop_all())


async def _parts_of_history(
    resources: Resources, user_id: UUID, part: Sequence[LogEntry], last: int
) -> AsyncIterator[bytes]:
    """The body that begins with this part. Raises TransferCut when the rest is erased meanwhile."""
    yield HISTORY_BEGINS + history_part(part)
    while part[-1].version < last:
        newest = part[-1]
        wanted = partial(
            repository.versions_after,
            user_id=user_id,
            expense_id=newest.expense_id,
            after=newest.version,
            last=last,
        )
        part = await ask(resources, wanted)
        if not part:
            raise TransferCut
        yield b"," + history_part(part)
    yield HISTORY_ENDS
