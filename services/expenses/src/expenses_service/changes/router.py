"""/changes and /expenses/{id}/history: two readings of one log."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from expenses_service.authentication.dependencies import Reader
from expenses_service.cache.responses import user_data
from expenses_service.changes import openapi, service
from expenses_service.changes.schemas import ChangesQuery
from expenses_service.downloads.models import Download
from expenses_service.downloads.responses import sent
from expenses_service.etag import not_modified
from expenses_service.requests import Bare, query
from expenses_service.resources import Resources, get_resources

router = APIRouter(prefix="/api/v1")

Held = Annotated[Resources, Depends(get_resources)]
Query = Annotated[ChangesQuery, Depends(query(ChangesQuery))]


@router.get("/changes", tags=["changes"], **openapi.CHANGES)
async def list_changes(
    request: Request, principal: Reader, query: Query, resources: Held
) -> Response:
    """One item for every write of an expense, in the order of the writes, none left out.

    Keep `next_since` and send it as `since` the next time. 410 `resync_required`: what you hold may
    hold expenses that were erased; drop all of it and go on from `since=0`. A page of very large
    expenses ends after 4 MiB, before its `limit`.
    """
    return user_data(request, await service.changes(resources, principal.user_id, query))


@router.get("/expenses/{expense_id:uuid}/history", tags=["expenses"], **openapi.HISTORY)
async def read_history(
    request: Request, principal: Reader, expense_id: UUID, _: Bare, resources: Held
) -> Response:
    """Every version of an expense, oldest first; of a deleted one too."""
    has = partial(not_modified, request)
    versions = await service.history(resources, principal.user_id, expense_id, has)
    return sent(versions) if isinstance(versions, Download) else user_data(request, versions)
