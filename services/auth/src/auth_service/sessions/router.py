"""`/api/v1/auth/login`, `/refresh` and `/logout`."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from auth_service.cookies import CookieProfile
from auth_service.cross_site import refuse_cross_site
from auth_service.events.dependencies import ClientOf
from auth_service.openapi import answers, request_body
from auth_service.problems import response_of
from auth_service.requests import json_body, no_query
from auth_service.resources import Resources, get_resources
from auth_service.sessions import service
from auth_service.sessions.dependencies import own_site, refresh_claims, sessions_to_end
from auth_service.sessions.errors import SessionRevoked, TokenExpired
from auth_service.sessions.models import Grant
from auth_service.sessions.schemas import GrantBody, Login, LoginBody
from auth_service.telemetry import identify

router = APIRouter(prefix="/api/v1/auth", tags=["sessions"])

NO_STORE = {"Cache-Control": "no-store"}
EXAMPLE = {"email": "ada@example.com", "password": "correct horse battery"}


@router.post(
    "/login",
    operation_id="sessions_login",
    summary="Sign in",
    dependencies=[Depends(own_site)],
    responses=answers({200: LoginBody}, 400, 401, 403, 413, 415, 422, 429),
    openapi_extra=request_body(Login, ["application/json"], EXAMPLE),
)
async def login(
    request: Request,
    form: Annotated[Login, Depends(json_body(Login))],
    client: ClientOf,
    resources: Annotated[Resources, Depends(get_resources)],
    _: Annotated[None, Depends(no_query)],
) -> Response:
    """The tokens come as HttpOnly cookies."""
    user, grant = await service.login(resources, form, client)
    identify(request, user.id, grant.session_id)
    body = LoginBody.for_user(user, grant).model_dump_json()
    response = Response(body, 200, NO_STORE, "application/json")
    _set_cookies(resources.cookies, response, grant)
    resources.cookies.set_device(response, resources.devices.issue(user.id))
    return response


@router.post(
    "/refresh",
    operation_id="sessions_refresh",
    summary="A new access token",
    responses=answers({200: GrantBody}, 400, 401, 403, 413, 422),
    openapi_extra={"security": [{"refresh": []}]},
)
async def refresh(
    request: Request,
    client: ClientOf,
    resources: Annotated[Resources, Depends(get_resources)],
) -> Response:
    """With the refresh cookie, which is replaced when its turn has come."""
    claims = refresh_claims(request, resources)
    refuse_cross_site(request, resources.settings.public_origin)
    await no_query(request)
    identify(request, claims.user_id, claims.session_id)
    try:
        grant = await service.refresh(resources, claims, client)
    except (SessionRevoked, TokenExpired) as error:
        response = response_of(error, request)
        resources.cookies.clear(response)
        return response
    response = Response(GrantBody.of(grant).model_dump_json(), 200, NO_STORE, "application/json")
    _set_cookies(resources.cookies, response, grant)
    return response


@router.post(
    "/logout",
    status_code=204,
    operation_id="sessions_logout",
    summary="Sign out",
    responses=answers({204: None}, 400, 403, 413, 422),
)
async def logout(
    request: Request,
    client: ClientOf,
    resources: Annotated[Resources, Depends(get_resources)],
) -> Response:
    """With either token, expired or not; who is not signed in is signed out already."""
    sessions = sessions_to_end(request, resources)
    await no_query(request)
    for session_id, user_id in sessions:
        identify(request, user_id, session_id)
    ends = (service.end(resources, *session, client, "signed_out") for session in sessions)
    await asyncio.gather(*ends)
    response = Response(None, 204, NO_STORE)
    resources.cookies.clear(response)
    return response


def _set_cookies(profile: CookieProfile, response: Response, grant: Grant) -> None:
    """Each cookie lives as long as its token."""
    now = int(time.time())
    profile.set_access(response, grant.access.text, grant.access.expires_at - now)
    if grant.refresh is not None:
        profile.set_refresh(response, grant.refresh.text, grant.refresh.expires_at - now)
