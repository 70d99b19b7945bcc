"""`/api/v1/auth/events`."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from auth_service.etag import not_modified, opaque_etag
from auth_service.events import service
from auth_service.events.schemas import EventQuery, Events
from auth_service.examples import EVENT
from auth_service.openapi import SIGNED_IN, answers, query_parameters
from auth_service.requests import query
from auth_service.resources import Resources, get_resources
from auth_service.sessions.dependencies import ProfileReader

router = APIRouter(tags=["events"])

PATH = "/api/v1/auth/events"
USER_DATA = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"}


@router.get(
    PATH,
    operation_id="events_list",
    summary="What happened to your account",
    responses=answers(
        {200: Events, 304: None},
        example={"items": [EVENT], "next_cursor": None},
        headers=["Link"],
    ),
    openapi_extra={"security": SIGNED_IN} | query_parameters(EventQuery),
)
async def list_events(
    request: Request,
    caller: ProfileReader,
    wanted: Annotated[EventQuery, Depends(query(EventQuery))],
    resources: Annotated[Resources, Depends(get_resources)],
) -> Response:
    """Sign-ins, failures, ends of sessions, passwords and tokens, the latest first, in pages."""
    page = await service.list_page(resources, caller.user.id, wanted)
    body = page.model_dump_json()
    headers = USER_DATA | {"ETag": opaque_etag("events", caller.user.id, body)}
    if page.next_cursor is not None:
        again = wanted.model_dump(exclude_none=True)
        following = urlencode(again | {"cursor": page.next_cursor})
        headers["Link"] = f'<{PATH}?{following}>; rel="next"'
    if not_modified(request, headers["ETag"]):
        return Response(None, 304, headers)
    return Response(body, 200, headers, "application/json")
