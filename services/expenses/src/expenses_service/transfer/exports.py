"""Expenses as a file: in constant memory, all from one snapshot."""

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, closing
from uuid import UUID

from expenses_service.authentication.models import Principal
from expenses_service.cache.rules import entity_tag
from expenses_service.changes.repository import data_version
from expenses_service.downloads.models import Download
from expenses_service.expenses.repository import conditions
from expenses_service.expenses.search import make_room
from expenses_service.resources import Resources
from expenses_service.transfer import repository, snapshots
from expenses_service.transfer.lines import MEDIA_TYPES, Format, head_of, lines_of
from expenses_service.transfer.pins import Pins
from expenses_service.transfer.schemas import ExportQuery


async def export(
    resources: Resources,
    principal: Principal,
    query: ExportQuery,
    client_has: Callable[[str], bool],
) -> Download:
    """The live expenses that pass the filters, newest day first, as they are now."""
    user_id, form = principal.user_id, query.format
    with ExitStack() as open_:
        open_.enter_context(resources.downloads.place(user_id))
        async with snapshots.held(resources) as connection:
            version = await data_version(connection, user_id)
            tag = entity_tag(user_id, version, f"export?{query.canonical()}")
            name = f"expenses-{principal.today()}.{form}"
            if client_has(tag):
                return Download(tag, name, MEDIA_TYPES[form], None)
            if query.q is not None:
                await make_room(connection)
            wanted = repository.passing(conditions(user_id, query))
            pins = open_.enter_context(closing(await snapshots.pin(connection, wanted)))
        chunks = _chunks(resources, user_id, form, pins)
        return Download(tag, name, MEDIA_TYPES[form], chunks, open_.pop_all())


async def _chunks(
    resources: Resources, user_id: UUID, form: Format, pins: Pins
) -> AsyncIterator[bytes]:
    yield head_of(form)
    async for expenses in snapshots.read(resources, user_id, pins):
        yield lines_of(form, expenses)
