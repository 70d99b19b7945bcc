"""`/internal/v1/revocations`, which the gateway does not route."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from auth_service.etag import not_modified
from auth_service.resources import Resources, get_resources
from auth_service.revocations import rules, service

router = APIRouter(include_in_schema=False)


@router.get("/internal/v1/revocations")
async def list_revocations(
    request: Request, resources: Annotated[Resources, Depends(get_resources)]
) -> Response:
    """The full list that still matters, as a JWS; 304 while it says the same."""
    revocations = await service.current(resources)
    headers = {"Cache-Control": "no-cache", "ETag": rules.etag_of(revocations)}
    if not_modified(request, headers["ETag"]):
        return Response(None, 304, headers)
    body = await service.signed(resources, revocations)
    return Response(body, 200, headers, "application/jwt")
