"""The Idempotency-Key of a request, as routes ask for it."""

from typing import Final

from fastapi import Request

from expenses_service.authentication.models import Principal
from expenses_service.header_fields import values
from expenses_service.idempotency.models import KeyedRequest
from expenses_service.idempotency.rules import HEADER, fingerprint, require_key

_FIELD: Final = HEADER.lower().encode()


def keyed(request: Request, principal: Principal, body: bytes = b"") -> KeyedRequest | None:
    """The POST by its Idempotency-Key; None without one. Raises ValidationFailed for a bad key."""
    key = require_key(values(request, _FIELD))
    if key is None:
        return None
    digest = fingerprint(request.scope["query_string"], body)
    return KeyedRequest(principal.user_id, request.method, request.scope["path"], key, digest)
