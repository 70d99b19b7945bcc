"""`/api/v1/auth/register`, `/me` and `/password`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from auth_service.accounts import credentials, service
from auth_service.accounts.dependencies import place_in_line
from auth_service.accounts.schemas import (
    Closing,
    PasswordChange,
    ProfilePatch,
    Registration,
    UserBody,
)
from auth_service.etag import if_match, not_modified
from auth_service.events.dependencies import ClientOf
from auth_service.examples import USER
from auth_service.openapi import SIGNED_IN, answers, request_body
from auth_service.requests import MERGE_PATCH, json_body, no_query
from auth_service.resources import Resources, get_resources
from auth_service.sessions.dependencies import ProfileReader, ProfileWriter, own_site
from auth_service.sessions.responses import set_cookies
from auth_service.throttles.dependencies import VisitorOf

router = APIRouter(prefix="/api/v1/auth", tags=["accounts"])

ME = "/api/v1/auth/me"
USER_DATA = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"}
NO_STORE = {"Cache-Control": "no-store"}
PASSWORD_CHANGE = {
    "current_password": "correct horse battery",
    "new_password": "a walk in the park, 1987",
}
SIGN_IN = {
    "sign_in": {
        "operationId": "sessions_login",
        "requestBody": {"email": "$request.body#/email", "password": "$request.body#/password"},
    }
}
REGISTRATION = {"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"}


@router.post(
    "/register",
    status_code=201,
    operation_id="accounts_register",
    summary="Make an account",
    dependencies=[Depends(own_site), Depends(place_in_line)],
    responses=answers({201: UserBody}, 403, 409, example=USER, links=SIGN_IN),
    openapi_extra=request_body(Registration, ["application/json"], REGISTRATION),
)
async def register(
    visitor: VisitorOf,
    form: Annotated[Registration, Depends(json_body(Registration))],
    client: ClientOf,
    resources: Annotated[Resources, Depends(get_resources)],
    _: Annotated[None, Depends(no_query)],
) -> Response:
    """201 with the user, who is not signed in yet."""
    user = await service.register(resources, form, client, visitor)
    headers = {"Location": ME, "ETag": service.etag_of(user), "Cache-Control": "no-store"}
    return Response(UserBody.of(user).model_dump_json(), 201, headers, "application/json")


@router.get(
    "/me",
    operation_id="accounts_read_me",
    summary="Your profile",
    responses=answers({200: UserBody, 304: None}, example=USER),
    openapi_extra={"security": SIGNED_IN},
)
async def read_me(
    request: Request, caller: ProfileReader, _: Annotated[None, Depends(no_query)]
) -> Response:
    """The user who is signed in."""
    etag = service.etag_of(caller.user)
    headers = USER_DATA | {"ETag": etag}
    if not_modified(request, etag):
        return Response(None, 304, headers)
    return Response(UserBody.of(caller.user).model_dump_json(), 200, headers, "application/json")


@router.patch(
    "/me",
    operation_id="accounts_change_me",
    summary="Change your profile",
    responses=answers({200: UserBody}, 404, 412, example=USER, headers=["ETag", "Vary"]),
    openapi_extra={"security": SIGNED_IN}
    | request_body(ProfilePatch, MERGE_PATCH, {"name": "Ada"}),
)
async def change_me(
    request: Request,
    caller: ProfileWriter,
    patch: Annotated[ProfilePatch, Depends(json_body(ProfilePatch, MERGE_PATCH))],
    resources: Annotated[Resources, Depends(get_resources)],
    _: Annotated[None, Depends(no_query)],
) -> Response:
    """JSON Merge Patch of `name` and `time_zone`; `null` clears the name."""
    user = await service.change_profile(
        resources, caller.user.id, patch.changes(), if_match(request)
    )
    headers = USER_DATA | {"ETag": service.etag_of(user)}
    return Response(UserBody.of(user).model_dump_json(), 200, headers, "application/json")


@router.delete(
    "/me",
    status_code=204,
    operation_id="accounts_close",
    summary="Close your account",
    responses=answers({204: None}, 412, headers=["Set-Cookie"]),
    openapi_extra={"security": SIGNED_IN}
    | request_body(Closing, ["application/json"], {"current_password": "correct horse battery"}),
)
async def close_me(
    request: Request,
    caller: ProfileWriter,
    visitor: VisitorOf,
    form: Annotated[Closing, Depends(json_body(Closing))],
    client: ClientOf,
    resources: Annotated[Resources, Depends(get_resources)],
    _: Annotated[None, Depends(no_query)],
) -> Response:
    """The account and all its sessions, tokens and events are gone, for good."""
    await credentials.close_account(
        resources, caller, form.current_password, client, visitor, if_match(request)
    )
    response = Response(None, 204, NO_STORE)
    resources.cookies.clear(response)
    return response


@router.post(
    "/password",
    status_code=204,
    operation_id="accounts_change_password",
    summary="Change your password",
    responses=answers({204: None}, headers=["Set-Cookie"]),
    openapi_extra={"security": SIGNED_IN}
    | request_body(PasswordChange, ["application/json"], PASSWORD_CHANGE),
)
async def change_password(
    caller: ProfileWriter,
    visitor: VisitorOf,
    form: Annotated[PasswordChange, Depends(json_body(PasswordChange))],
    client: ClientOf,
    resources: Annotated[Resources, Depends(get_resources)],
    _: Annotated[None, Depends(no_query)],
) -> Response:
    """Every other session ends; this one goes on with a new id, in new cookies."""
    grant = await credentials.change_password(resources, caller, form, client, visitor)
    response = Response(None, 204, NO_STORE)
    set_cookies(resources.cookies, response, grant)
    return response
