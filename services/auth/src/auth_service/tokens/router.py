"""`/api/v1/auth/tokens`, and `/internal/v1/exchange`, which the gateway asks itself."""

from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from auth_service.cookies import DuplicateCookie
from auth_service.errors import NotAuthenticated, ServiceError
from auth_service.etag import if_match, not_modified, opaque_etag
from auth_service.events.dependencies import ClientOf
from auth_service.examples import TOKEN
from auth_service.openapi import SIGNED_IN, answers, request_body
from auth_service.problems import path_of, response_of
from auth_service.requests import json_body, no_query
from auth_service.resources import Resources, get_resources
from auth_service.sessions.dependencies import ProfileReader, ProfileWriter, access_token
from auth_service.sessions.errors import AmbiguousCredentials
from auth_service.telemetry import identify
from auth_service.tokens import service
from auth_service.tokens.schemas import CreatedToken, NewToken, TokenBody, Tokens

router = APIRouter(tags=["tokens"])

PATH = "/api/v1/auth/tokens"
NO_STORE = {"Cache-Control": "no-store"}
USER_DATA = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"}
REVOKE = {
    "revoke": {
        "operationId": "tokens_revoke",
        "parameters": {
            "path.token_id": "$response.body#/id",
            "header.If-Match": "$response.header.ETag",
        },
    }
}
EXAMPLE = {
    "name": "Monthly report",
    "scopes": ["expenses:read"],
    "expires_at": "2027-06-30T00:00:00Z",
}


@router.post(
    PATH,
    status_code=201,
    operation_id="tokens_create",
    summary="Make a personal access token",
    responses=answers(
        {201: CreatedToken}, 404, 409, example=TOKEN | {"token": "ea_pat_…"}, links=REVOKE
    ),
    openapi_extra={"security": SIGNED_IN} | request_body(NewToken, ["application/json"], EXAMPLE),
)
async def create_token(
    caller: ProfileWriter,
    form: Annotated[NewToken, Depends(json_body(NewToken))],
    client: ClientOf,
    resources: Annotated[Resources, Depends(get_resources)],
    _: Annotated[None, Depends(no_query)],
) -> Response:
    """For scripts, as a bearer; its text is in this answer and never shown again."""
    token, text = await service.create(resources, caller.claims, form, client)
    headers = NO_STORE | {
        "Location": f"{PATH}/{token.id}",
        "ETag": service.etag_of(token.id),
    }
    body = CreatedToken.with_text(token, text).model_dump_json()
    return Response(body, 201, headers, "application/json")


@router.get(
    PATH,
    operation_id="tokens_list",
    summary="Your personal access tokens",
    responses=answers({200: Tokens, 304: None}, example={"items": [TOKEN]}),
    openapi_extra={"security": SIGNED_IN},
)
async def list_tokens(
    request: Request,
    caller: ProfileReader,
    resources: Annotated[Resources, Depends(get_resources)],
    _: Annotated[None, Depends(no_query)],
) -> Response:
    """Those that are not revoked, the latest first; `last_used_at` is to the minute."""
    tokens = await service.list_live(resources, caller.user.id)
    body = Tokens(items=[TokenBody.of(token) for token in tokens]).model_dump_json()
    headers = USER_DATA | {"ETag": opaque_etag("tokens", caller.user.id, body)}
    if not_modified(request, headers["ETag"]):
        return Response(None, 304, headers)
    return Response(body, 200, headers, "application/json")


@router.delete(
    PATH + "/{token_id}",
    status_code=204,
    operation_id="tokens_revoke",
    summary="Revoke a personal access token",
    responses=answers({204: None}, 404, 412),
    openapi_extra={"security": SIGNED_IN},
)
async def revoke_token(
    request: Request,
    token_id: UUID,
    caller: ProfileWriter,
    client: ClientOf,
    resources: Annotated[Resources, Depends(get_resources)],
    _: Annotated[None, Depends(no_query)],
) -> Response:
    """It is of no use within three seconds."""
    await service.revoke(resources, caller.claims, token_id, client, if_match(request))
    return Response(None, 204, NO_STORE)


@router.get("/internal/v1/exchange", include_in_schema=False)
async def exchange(
    request: Request, resources: Annotated[Resources, Depends(get_resources)]
) -> Response:
    """An access token for the personal one in Authorization (infra/contracts/token-exchange.md).

    A refusal is what the gateway's client sees, so that it names the path that was asked for. Other
    credentials beside the token are the service's to refuse, at their place in the order of checks.
    """
    try:
        text, _ = access_token(request, resources.cookies)
    except (AmbiguousCredentials, DuplicateCookie):
        return _as_many_without_the_token(request)
    try:
        if text is None:
            raise NotAuthenticated
        exchanged = await resources.exchange.access_for(text)
    except ServiceError as error:
        return response_of(error, request, instance=_asked_for(request))
    identify(request, exchanged.user_id, exchanged.token_id)
    headers = NO_STORE | {"Authorization": f"Bearer {exchanged.access.text}"}
    return Response(None, 200, headers)


def _as_many_without_the_token(request: Request) -> Response:
    response = Response(None, 200, NO_STORE)
    for _ in request.headers.getlist("authorization"):
        response.headers.append("Authorization", "Bearer")
    return response


def _asked_for(request: Request) -> str:
    return urlsplit(request.headers.get("x-forwarded-uri", "")).path or path_of(request.scope)
