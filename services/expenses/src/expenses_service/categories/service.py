"""What can be done with categories. Every write takes the user's lock first, as expenses do."""

import time
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.categories import repository, rules
from expenses_service.categories.errors import MAX_OWN, CategoryInUse, SlugTaken, TooManyCategories
from expenses_service.categories.rules import Category
from expenses_service.categories.schemas import CategoryDraft, category_body
from expenses_service.changes.repository import lock_user, move_category
from expenses_service.errors import (
    FieldError,
    NotFound,
    Unavailable,
    ValidationFailed,
    VersionConflict,
)
from expenses_service.etag import opaque_etag
from expenses_service.idempotency.models import Answer, KeyedRequest
from expenses_service.idempotency.service import once
from expenses_service.resources import Resources

COLLECTION: Final = "/api/v1/categories"
MOVED_AT_ONCE: Final = 2000
MOVE_SECONDS: Final = 3.0  # and one batch more; the gateway waits for 4.5
UNFINISHED: Final = "Some of its expenses are moved, not all; repeat the request to go on."


def etag(user_id: UUID, category: Category) -> str:
    """The opaque entity tag of one category."""
    return opaque_etag("category", user_id, category_body(category))


async def list_categories(resources: Resources, user_id: UUID) -> list[Category]:
    """The user's categories, archived ones too. Writes nothing, not even for a new user."""
    async with resources.database.transaction() as connection:
        return rules.merge(await repository.own_categories(connection, user_id))


async def create(
    resources: Resources, user_id: UUID, draft: CategoryDraft, keyed: KeyedRequest | None
) -> Answer:
    """Add a category, or bring a deleted one back under its new name; with a key, once.

    Raises SlugTaken, TooManyCategories, ValidationFailed for a name that gives no slug, and what
    `once` raises.
    """
    slug = draft.slug or rules.slug_of(draft.name)
    if slug is None:
        error = FieldError("slug_required", "give a slug for a name without letters", "/slug")
        raise ValidationFailed(errors=[error])
    async with resources.database.transaction() as connection:

        async def effect() -> Answer:
            await lock_user(connection, user_id)
            before = await repository.find(connection, user_id, slug)
            if before is not None and not before.deleted:
                raise SlugTaken
            if before is None and await repository.count_own(connection, user_id) >= MAX_OWN:
                raise TooManyCategories
            made = rules.added(slug, draft.name, before)
            await repository.save(connection, user_id, made, datetime.now(UTC))
            location = f"{COLLECTION}/{slug}"
            return Answer(201, category_body(made), etag(user_id, made), location)

        return await once(connection, keyed, effect)


async def change(
    resources: Resources,
    user_id: UUID,
    slug: str,
    fields: dict[str, Any],
    if_match: Collection[str] | None,
) -> Category:
    """Rename, archive or bring back from the archive. Raises NotFound, VersionConflict."""
    async with resources.database.transaction() as connection:
        await lock_user(connection, user_id)
        current = await _live(connection, user_id, slug)
        _require_match(user_id, current, if_match)
        wanted = rules.changed(current, fields)
        if wanted is not current:
            await repository.save(connection, user_id, wanted, datetime.now(UTC))
        return wanted


async def remove(
    resources: Resources,
    user_id: UUID,
    slug: str,
    move_to: str | None,
    if_match: Collection[str] | None,
) -> None:
    """Delete a category; its live expenses go to `move_to`, each with a version of its own.

    Very many go in batches, between which the user's other writes get their turn. The category is
    there until the last one has gone, so whoever is stopped in the middle just repeats the call.

    Raises:
        NotFound, VersionConflict, CategoryInUse: see there.
        ValidationFailed: `move_to` takes no new expenses.
        Unavailable: after so long there are still some left.

    """
    end = time.monotonic() + MOVE_SECONDS
    while not await _remove(resources, user_id, slug, move_to, if_match):
        if time.monotonic() > end:
            raise Unavailable(UNFINISHED, retry_after=1)


async def _remove(
    resources: Resources,
    user_id: UUID,
    slug: str,
    move_to: str | None,
    if_match: Collection[str] | None,
) -> bool:
    """In one short transaction delete it, or move so many of its expenses that some may be left."""
    async with resources.database.transaction() as connection:
        await lock_user(connection, user_id)
        if move_to is not None:
            await _require_other(connection, user_id, slug, move_to)
        current = await _live(connection, user_id, slug)
        if move_to is None and await repository.in_use(connection, user_id, slug):
            raise CategoryInUse
        _require_match(user_id, current, if_match)
        if move_to is not None:
            moved = await move_category(connection, user_id, slug, move_to, MOVED_AT_ONCE)
            if moved == MOVED_AT_ONCE:
                return False
        gone = replace(current, deleted=True, archived=False, version=current.version + 1)
        await repository.save(connection, user_id, gone, datetime.now(UTC))
        return True


async def _live(connection: AsyncConnection, user_id: UUID, slug: str) -> Category:
    """The category, which is not deleted; under the user's lock it stays as it is."""
    current = await repository.find(connection, user_id, slug)
    if current is None or current.deleted:
        raise NotFound
    return current


def _require_match(user_id: UUID, current: Category, if_match: Collection[str] | None) -> None:
    if if_match is not None and etag(user_id, current) not in if_match:
        raise VersionConflict


async def _require_other(
    connection: AsyncConnection, user_id: UUID, slug: str, target: str
) -> None:
    if target == slug or target not in await repository.open_slugs(connection, user_id, [target]):
        error = FieldError(
            "unknown_category", "is not another category that is open", parameter="move_to"
        )
        raise ValidationFailed(errors=[error])
