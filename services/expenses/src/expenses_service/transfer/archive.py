"""Everything of a user in one file of NDJSON, each line with a `type`.

First `user`, then each `category`, each `expense` with the deleted ones, each `change`, and `end`,
which counts them. All are of one moment.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from expenses_service.authentication.models import Principal
from expenses_service.cache.rules import REPRESENTATION
from expenses_service.categories.repository import own_categories
from expenses_service.categories.rules import Category
from expenses_service.changes.models import LogEntry
from expenses_service.changes.repository import changes_after, data_version
from expenses_service.changes.rules import PART_BYTES
from expenses_service.downloads.asking import ask
from expenses_service.downloads.errors import TransferCut
from expenses_service.downloads.models import Download
from expenses_service.etag import opaque_etag
from expenses_service.resources import Resources
from expenses_service.transfer import lines, repository, snapshots
from expenses_service.transfer.pins import Pins


@dataclass(frozen=True, slots=True)
class _Moment:
    """What there is at the user's data version `seq`, as far as it fits into memory."""

    user_id: UUID
    seq: int
    categories: Sequence[Category]
    pins: Pins
    changes: int


async def archive(
    resources: Resources, principal: Principal, client_has: Callable[[str], bool]
) -> Download:
    """All that there is of the user now."""
    user_id, name = principal.user_id, f"expenses-archive-{principal.today()}.ndjson"
    form = lines.MEDIA_TYPES["ndjson"]
    with ExitStack() as open_:
        open_.enter_context(resources.downloads.place(user_id))
        async with snapshots.held(resources) as connection:
            seq = await data_version(connection, user_id)
            categories = await own_categories(connection, user_id)
            tag = opaque_etag(REPRESENTATION, "archive", user_id, seq, sorted(map(str, categories)))
            if client_has(tag):
                return Download(tag, name, form, None)
            changes = await repository.count_changes(connection, user_id)
            wanted = repository.ever(user_id)
            pins = open_.enter_context(closing(await snapshots.pin(connection, wanted)))
        chunks = _chunks(resources, _Moment(user_id, seq, categories, pins, changes))
        return Download(tag, name, form, chunks, open_.pop_all())


async def _chunks(resources: Resources, moment: _Moment) -> AsyncIterator[bytes]:
    expenses = changes = 0
    yield lines.user_line(moment.user_id, moment.seq)
    yield lines.category_lines(moment.categories)
    async for some in snapshots.read(resources, moment.user_id, moment.pins):
        expenses += len(some)
        yield lines.expense_lines(some)
    async for entries in _changes(resources, moment.user_id, moment.seq):
        changes += len(entries)
        yield lines.change_lines(entries)
    if changes != moment.changes:
        raise TransferCut
    yield lines.end_line(len(moment.categories), expenses, changes)


async def _changes(
    resources: Resources, user_id: UUID, last: int
) -> AsyncIterator[Sequence[LogEntry]]:
    """The log up to number `last`: what is in it stays as it is, so no snapshot has to be held."""
    since = 0
    while since < last:
        wanted = partial(
            changes_after,
            user_id=user_id,
            since=since,
            limit=snapshots.READ_AT_ONCE,
            most_bytes=PART_BYTES,
        )
        page = await ask(resources, wanted)
        entries = [entry for entry in page.entries if entry.seq <= last]
        if not entries:
            return
        since = entries[-1].seq
        yield entries
