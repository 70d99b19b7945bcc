"""How a keyed request is told apart from another."""

import re
from datetime import timedelta
from hashlib import blake2b
from typing import Final

from expenses_service.errors import FieldError, ValidationFailed
from expenses_service.idempotency.models import KeyedRequest

HEADER: Final = "Idempotency-Key"
KEPT: Final = timedelta(hours=24)

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")


def require_key(values: list[str]) -> str | None:
    """The one key among the header's values, None without the header.

    Raises ValidationFailed for an empty, long, unprintable or repeated key.
    """
    if not values:
        return None
    if len(values) > 1 or not _KEY.fullmatch(values[0]):
        detail = "must be one key of 1 to 255 visible ASCII characters"
        raise ValidationFailed(errors=[FieldError("invalid_header", detail, header=HEADER)])
    return values[0]


def fingerprint(query: bytes, body: bytes) -> bytes:
    """A digest of all that the scope of the key leaves open."""
    return blake2b(len(query).to_bytes(4) + query + body, digest_size=16).digest()


def lock_number(request: KeyedRequest) -> int:
    """The signed 64-bit number under which Postgres locks the key."""
    scope = f"{request.user_id.hex}\n{request.method}\n{request.path}\n{request.key}"
    return int.from_bytes(blake2b(scope.encode(), digest_size=8).digest(), signed=True)
