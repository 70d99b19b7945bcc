"""The list of expenses: pages by keyset, kept under the data version that Postgres confirms."""

from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import UUID

from msgspec import Struct, json

from expenses_service.cache.models import Built, Reply
from expenses_service.cache.rules import entity_tag
from expenses_service.changes.latest import latest_changes
from expenses_service.expenses.carrying import Shown, carry, position
from expenses_service.expenses.cursors import Position, key_name, seal, unseal
from expenses_service.expenses.documents import page_body
from expenses_service.expenses.pages import fetch_page, is_planned_once
from expenses_service.expenses.repository import Page, Slice, page
from expenses_service.expenses.schemas import ListQuery
from expenses_service.expenses.sorting import SORTS
from expenses_service.resources import Resources

_OF_ANY_PAGE: Final = frozenset({"sort", "limit"})
"""Parameters that leave no expense out but what comes after the page."""

_NEXT_CURSOR: Final = b'"next_cursor":'


class _Tail(Struct):
    next_cursor: str | None


async def list_page(
    resources: Resources,
    user_id: UUID,
    query: ListQuery,
    client_has: Callable[[str], bool] | None,
    older: Built | None = None,
) -> Reply:
    """A page as bytes under its entity tag; never older than the user's last acknowledged write.

    `older` is what the same query was answered before, if that is known. Raises Unavailable, and
    InvalidCursor for a cursor of another user, other filters or another order.
    """
    if older is not None and not query.canonical(without=_OF_ANY_PAGE):
        carried = await _carried(resources, user_id, query, older)
        if carried is not None:
            return carried
    after = _after(resources.cursor_key, user_id, query)

    async def build() -> Built:
        return await _build(resources, user_id, query, after)

    read_version = partial(resources.versions.read, user_id)
    return await resources.cache.get_or_build(
        user_id, _key(resources.cursor_key, query), read_version, build, client_has=client_has
    )


def next_page(query: ListQuery, body: bytes) -> str | None:
    """The query of the page after the one that `body` holds; a cursor needs no encoding there.

    It stands behind the items. Between quotes as they are, its name is no text of theirs.
    """
    tail = body[body.rindex(_NEXT_CURSOR) :]
    cursor = json.decode(b"{" + tail, type=_Tail).next_cursor
    return None if cursor is None else f"{query.canonical(without={'cursor'})}&cursor={cursor}"


async def _build(
    resources: Resources, user_id: UUID, query: ListQuery, after: Position | None
) -> Built:
    """One row more than asked for tells whether there is a next page."""
    sort = SORTS[query.sort]
    wanted = Slice(sort, after, query.limit + 1, total=query.include is not None)
    version, total, rows = await _read(resources, user_id, query, wanted)
    items, more = rows[: query.limit], rows[query.limit :]
    end = position(sort, json.decode(items[-1], type=Shown)) if more else None
    cursor = _cursor(resources.cursor_key, user_id, query, end)
    return Built(version, page_body(items, cursor, total))


async def _carried(
    resources: Resources, user_id: UUID, query: ListQuery, older: Built
) -> Reply | None:
    """The page made of an older one and what was changed since; None where that does not do."""
    latest = await latest_changes(resources.direct, user_id, older.version)
    if latest is None:
        return None
    items = carry(older.body, SORTS[query.sort], query.limit, latest.expenses)
    if items is None:
        return None
    resources.cache.replies["carried"] += 1
    cursor = _cursor(resources.cursor_key, user_id, query, items.end)
    etag = entity_tag(user_id, latest.version, _key(resources.cursor_key, query))
    return Reply(etag, page_body(items.texts, cursor), latest.version)


async def _read(resources: Resources, user_id: UUID, query: ListQuery, wanted: Slice) -> Page:
    """A search has room of its own in a transaction; others are planned there for their values."""
    if is_planned_once(query, wanted.sort):
        return await fetch_page(resources.direct, user_id, query, wanted)
    async with resources.database.transaction() as connection:
        return await page(connection, user_id, query, wanted)


def _after(secret: bytes, user_id: UUID, query: ListQuery) -> Position | None:
    if query.cursor is None:
        return None
    return unseal(secret, _scope(user_id, query), query.cursor)


def _cursor(secret: bytes, user_id: UUID, query: ListQuery, end: Position | None) -> str | None:
    """Of the page after `end`, if there is one."""
    return None if end is None else seal(secret, _scope(user_id, query), end)


def _key(secret: bytes, query: ListQuery) -> str:
    """Of what is kept: a page of another cursor key has a cursor that does not open any more."""
    return f"expenses?{query.canonical()}#{key_name(secret)}"


def _scope(user_id: UUID, query: ListQuery) -> str:
    return f"{user_id.hex}?{query.scope()}"
