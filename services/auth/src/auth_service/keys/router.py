"""`/.well-known/jwks.json`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from auth_service.etag import not_modified, opaque_etag
from auth_service.examples import KEY
from auth_service.keys.schemas import JsonWebKey, KeySet
from auth_service.openapi import answers
from auth_service.requests import no_query
from auth_service.resources import Resources, get_resources

router = APIRouter(tags=["keys"])


@router.get(
    "/.well-known/jwks.json",
    operation_id="keys_list",
    summary="The public keys that verify tokens",
    responses=answers({200: KeySet, 304: None}, example={"keys": [KEY]}),
)
async def list_keys(
    request: Request,
    resources: Annotated[Resources, Depends(get_resources)],
    _: Annotated[None, Depends(no_query)],
) -> Response:
    """A JWK Set (RFC 7517) of RSA keys with exactly kty, use, alg, kid, n and e."""
    keys = [JsonWebKey.model_validate(jwk) for jwk in await resources.keys.published()]
    body = KeySet(keys=keys).model_dump_json()
    etag = opaque_etag("jwks", body)
    headers = {"Cache-Control": "public, max-age=300", "ETag": etag}
    if not_modified(request, etag):
        return Response(None, 304, headers)
    return Response(body, 200, headers, "application/json")
