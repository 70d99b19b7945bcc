"""How a reply is sent: with validators, and as 304 to a client that has it (RFC 9111, 9110)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import Request, Response

from expenses_service.cache.models import Built, Reply
from expenses_service.etag import not_modified
from expenses_service.header_fields import Field
from expenses_service.responses import Ready, encoded

USER_DATA = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"}
USER_FIELDS: Final = encoded(USER_DATA)
_PUBLIC: Final = ((b"cache-control", b"public, max-age=3600"),)

VERSION: Final = "data_version"
"""In the state of a request: what its answer is of, so that the lane may give it again."""
OLDER: Final = "older_reply"
"""In the scope of a request: what the same one was answered before, now of an older version."""

VALIDATED: Mapping[int | str, dict[str, Any]] = {
    304: {"description": "The client has it already: If-None-Match names its ETag."},
}
"""For `responses` of a route that answers with one of these."""


def older_reply(request: Request) -> Built | None:
    """What the lane had kept for this very request, if its data version is not the present one."""
    older: Built | None = request.scope.get(OLDER)
    return older


def user_data(request: Request, reply: Reply) -> Response:
    """What only its user may see: a browser may keep it, but asks each time."""
    if reply.version is not None:
        request.scope["state"][VERSION] = reply.version
    return _conditional(request, reply, USER_FIELDS)


def public_data(request: Request, reply: Reply) -> Response:
    """What anybody may see and keep for an hour."""
    return _conditional(request, reply, _PUBLIC)


def _conditional(request: Request, reply: Reply, fields: Iterable[Field]) -> Response:
    fields = [*fields, (b"etag", reply.etag.encode())]
    if not_modified(request, reply.etag):
        response = Response(status_code=304)
        response.raw_headers += fields
        return response
    return Ready(200, fields, reply.body)
