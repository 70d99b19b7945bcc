"""/expenses/export; to be registered before /expenses/{id}."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from expenses_service.authentication.dependencies import Reader
from expenses_service.etag import not_modified
from expenses_service.requests import query
from expenses_service.resources import Resources, get_resources
from expenses_service.transfer import exports, openapi
from expenses_service.transfer.responses import sent
from expenses_service.transfer.schemas import ExportQuery

router = APIRouter(prefix="/api/v1/expenses", tags=["transfer"])

Held = Annotated[Resources, Depends(get_resources)]


@router.get("/export", **openapi.EXPORT)
async def export_expenses(
    request: Request,
    principal: Reader,
    asked: Annotated[ExportQuery, Depends(query(ExportQuery))],
    resources: Held,
) -> Response:
    """The caller's live expenses that pass the filters, newest day first, as a file of one moment.

    A CSV cell that begins with `=`, `+`, `-`, `@`, `'`, a tab or a carriage return has a `'` before
    it, which the import takes off; an empty cell is null; tags and metadata are JSON.
    """
    has = partial(not_modified, request)
    return sent(await exports.export(resources, principal, asked, has))
