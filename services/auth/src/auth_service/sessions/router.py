"""`/api/v1/auth/login`, `/refresh`, `/logout`, `/logout-all` and `/sessions`."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from auth_service.accounts.dependencies import place_in_line
from auth_service.cross_site import refuse_cross_site
from auth_service.etag import not_modified, opaque_etag
from auth_service.events.dependencies import ClientOf
from auth_service.examples import GRANT, SESSION, USER
from auth_service.openapi import SIGNED_IN, answers, request_body
from auth_service.problems import response_of
from auth_service.requests import json_body, no_query
from auth_service.resources import Resources, get_resources
from auth_service.sessions import endings, service
from auth_service.sessions.dependencies import (
    ProfileReader,
    ProfileWriter,
    own_site,
    refresh_claims,
    sessions_to_end,
)
from auth_service.sessions.errors import SessionReplaced, SessionRevoked, TokenExpired
from auth_service.sessions.responses import set_cookies
from auth_service.sessions.schemas import (
    GrantBody,
    Login,
    LoginBody,
    OwnSessionBody,
    OwnSessions,
)
from auth_service.telemetry import identify
from auth_service.throttles.dependencies import VisitorOf

router = APIRouter(prefix="/api/v1/auth", tags=["sessions"])

NO_STORE = {"Cache-Control": "no-store"}
USER_DATA = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"}
END = {
    "end": {
        "operationId": "sessions_end",
        "parameters": {"path.session_id": "$response.body#/items/0/id"},
    }
}
EXAMPLE = {"email": "ada@example.com", "password": "correct horse battery"}


@router.post(
    "/login",
    operation_id="sessions_login",
    summary="Sign in",
    dependencies=[Depends(own_site), Depends(place_in_line)],
    responses=answers(
        {200: LoginBody}, 401, 403, example={"user": USER, **GRANT}, headers=["Set-Cookie"]
    ),
    openapi_extra=request_body(Login, ["application/json"], EXAMPLE),
)
async def login(
    request: Request,
    visitor: VisitorOf,
    form: Annotated[Login, Depends(json_body(Login))],
    client: ClientOf,
    resources: Annotated[Resources, Depends(get_resources)],
    _: Annotated[None, Depends(no_query)],
) -> Response:
    """The tokens come as HttpOnly cookies; those that come with the request change nothing."""
    user, grant = await service.login(resources, form, client, visitor)
    identify(request, user.id, grant.session_id)
    body = LoginBody.for_user(user, grant).model_dump_json()
    response = Response(body, 200, NO_STORE, "application/json")
    set_cookies(resources.cookies, response, grant)
    resources.cookies.set_device(response, resources.devices.issue(user.id))
    return response


@router.post(
    "/refresh",
    operation_id="sessions_refresh",
    summary="A new access token",
    responses=answers({200: GrantBody}, example=GRANT, headers=["Set-Cookie"]),
    openapi_extra={"security": [{"refresh": []}]},
)
async def refresh(
    request: Request,
    client: ClientOf,
    resources: Annotated[Resources, Depends(get_resources)],
) -> Response:
    """With the refresh cookie, which is replaced when its turn has come.

    An access token is not needed; one that is there twice is refused all the same.
    """
    claims = await refresh_claims(request, resources)
    refuse_cross_site(request, resources.settings.public_origin)
    identify(request, claims.user_id, claims.session_id)
    try:
        user, session = await service.find_refreshable(resources, claims)
        await no_query(request)
        grant = await service.refresh(resources, claims, user, session, client)
    except (SessionRevoked, TokenExpired) as error:
        response = response_of(error, request)
        if not isinstance(error, SessionReplaced):  # the new cookies may be there already
            resources.cookies.clear(response)
        return response
    response = Response(GrantBody.of(grant).model_dump_json(), 200, NO_STORE, "application/json")
    set_cookies(resources.cookies, response, grant)
    return response


@router.post(
    "/logout",
    status_code=204,
    operation_id="sessions_logout",
    summary="Sign out",
    responses=answers({204: None}, 403, headers=["Set-Cookie"]),
    openapi_extra={"security": [{}, *SIGNED_IN, {"refresh": []}]},
)
async def logout(
    request: Request,
    client: ClientOf,
    resources: Annotated[Resources, Depends(get_resources)],
) -> Response:
    """With either token, expired or not; who is not signed in is signed out already."""
    sessions = await sessions_to_end(request, resources)
    await no_query(request)
    for session_id, user_id in sessions:
        identify(request, user_id, session_id)
    ends = (endings.end(resources, *session, client, "signed_out") for session in sessions)
    await asyncio.gather(*ends)
    response = Response(None, 204, NO_STORE)
    resources.cookies.clear(response)
    return response


@router.post(
    "/logout-all",
    status_code=204,
    operation_id="sessions_logout_all",
    summary="Sign out everywhere",
    responses=answers({204: None}, headers=["Set-Cookie"]),
    openapi_extra={"security": SIGNED_IN},
)
async def logout_all(
    caller: ProfileWriter,
    client: ClientOf,
    resources: Annotated[Resources, Depends(get_resources)],
    _: Annotated[None, Depends(no_query)],
) -> Response:
    """Ends every session of the user, this one too; personal access tokens stay."""
    await endings.end_all(resources, caller.user, caller.claims.session_id, client)
    response = Response(None, 204, NO_STORE)
    resources.cookies.clear(response)
    return response


@router.get(
    "/sessions",
    operation_id="sessions_list",
    summary="Your sessions",
    responses=answers({200: OwnSessions, 304: None}, example={"items": [SESSION]}, links=END),
    openapi_extra={"security": SIGNED_IN},
)
async def list_sessions(
    request: Request,
    caller: ProfileReader,
    resources: Annotated[Resources, Depends(get_resources)],
    _: Annotated[None, Depends(no_query)],
) -> Response:
    """Those that go on, the latest first; `last_seen_at` is of the last refresh."""
    found = await service.standing_sessions(resources, caller.user)
    current = caller.claims.session_id
    items = [OwnSessionBody.of(session, current=session.id == current) for session in found]
    body = OwnSessions(items=items).model_dump_json()
    headers = USER_DATA | {"ETag": opaque_etag("sessions", caller.user.id, body)}
    if not_modified(request, headers["ETag"]):
        return Response(None, 304, headers)
    return Response(body, 200, headers, "application/json")


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    operation_id="sessions_end",
    summary="End one of your sessions",
    responses=answers({204: None}, 404, headers=["Set-Cookie"]),
    openapi_extra={"security": SIGNED_IN},
)
async def end_session(
    session_id: UUID,
    caller: ProfileWriter,
    client: ClientOf,
    resources: Annotated[Resources, Depends(get_resources)],
    _: Annotated[None, Depends(no_query)],
) -> Response:
    """Its tokens are dead at once here, and within three seconds everywhere."""
    await service.end_own(resources, caller.user, session_id, client)
    response = Response(None, 204, NO_STORE)
    if session_id == caller.claims.session_id:
        resources.cookies.clear(response)
    return response
