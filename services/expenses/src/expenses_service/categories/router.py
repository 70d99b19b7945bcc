"""/categories and /categories/{slug}."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from expenses_service.authentication.dependencies import Reader, Writer
from expenses_service.cache.models import Reply
from expenses_service.cache.responses import USER_DATA, user_data
from expenses_service.categories import openapi, service
from expenses_service.categories.rules import MAX_SLUG, SLUG_PATTERN
from expenses_service.categories.schemas import (
    CategoryChanges,
    CategoryDraft,
    Removal,
    category_body,
    list_body,
)
from expenses_service.etag import if_match, opaque_etag
from expenses_service.idempotency.dependencies import keyed
from expenses_service.idempotency.models import Answer
from expenses_service.idempotency.responses import sent
from expenses_service.requests import MERGE_PATCH, Bare, json_body, query
from expenses_service.resources import Resources, get_resources

router = APIRouter(prefix=service.COLLECTION, tags=["categories"])

Named = Annotated[str, Path(max_length=MAX_SLUG, pattern=SLUG_PATTERN, examples=["cafe-bar"])]
"""Another text names nothing: 404."""
Held = Annotated[Resources, Depends(get_resources)]
Draft = Annotated[CategoryDraft, Depends(json_body(CategoryDraft))]
Changes = Annotated[CategoryChanges, Depends(json_body(CategoryChanges, MERGE_PATCH))]
Move = Annotated[Removal, Depends(query(Removal))]


@router.get("", **openapi.LIST)
async def list_categories(
    request: Request, principal: Reader, _: Bare, resources: Held
) -> Response:
    """The usual set in its order, then the user's own by slug; archived ones too."""
    body = list_body(await service.list_categories(resources, principal.user_id))
    return user_data(request, Reply(opaque_etag("categories", principal.user_id, body), body))


@router.post("", **openapi.CREATE)
async def create_category(
    request: Request, principal: Writer, draft: Draft, _: Bare, resources: Held
) -> Response:
    """Add a category; the slug is made of the name when none is given, and never changes.

    A user may make 5,000, deleted ones included.
    """
    request_key = keyed(request, principal, draft.model_dump_json(exclude_unset=True).encode())
    return sent(await service.create(resources, principal.user_id, draft, request_key))


@router.patch("/{slug}", **openapi.CHANGE)
async def change_category(
    request: Request, principal: Writer, slug: Named, changes: Changes, _: Bare, resources: Held
) -> Response:
    """Rename, archive or bring back from the archive (JSON Merge Patch)."""
    matching = if_match(request)
    changed = await service.change(resources, principal.user_id, slug, changes.fields(), matching)
    return sent(Answer(200, category_body(changed), service.etag(principal.user_id, changed)))


@router.delete("/{slug}", **openapi.DELETE)
async def delete_category(
    request: Request, principal: Writer, slug: Named, asked: Move, resources: Held
) -> Response:
    """Delete a category; one in use only with `move_to`, which takes its expenses over."""
    matching = if_match(request)
    await service.remove(resources, principal.user_id, slug, asked.move_to, matching)
    return Response(status_code=204, headers=USER_DATA)
