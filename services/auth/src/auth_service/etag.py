"""Entity tags and the conditions on them (RFC 9110, sections 8.8.3 and 13)."""

import re
from hashlib import blake2b

from starlette.requests import HTTPConnection

from auth_service.errors import FieldError, ValidationFailed

DIGEST_BYTES = 16
_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_LIST = re.compile(rf"\s*(?:{_TAG.pattern})(?:\s*,\s*{_TAG.pattern})*\s*")


def opaque_etag(*parts: object) -> str:
    """A tag over `parts`; the same in every process, and never the same for two users."""
    digest = blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        data = str(part).encode(errors="surrogatepass")
        digest.update(len(data).to_bytes(4) + data)
    return f'"{digest.hexdigest()}"'


def not_modified(request: HTTPConnection, etag: str) -> bool:
    """Whether If-None-Match names `etag` (weak comparison) or is `*`."""
    field = ", ".join(request.headers.getlist("if-none-match"))
    if field.strip() == "*":
        return True
    return etag.removeprefix("W/") in {tag for _, tag in _TAG.findall(field)}


def if_match(request: HTTPConnection) -> frozenset[str] | None:
    """The strong tags of If-Match; None when there is no condition (absent, or `*`).

    A weak tag never matches (strong comparison), so it stands for nothing here.

    Raises:
        ValidationFailed: the field is not a list of entity tags.

    """
    fields = request.headers.getlist("if-match")
    field = ", ".join(fields)
    if not fields or field.strip() == "*":
        return None
    if not _LIST.fullmatch(field):
        detail = 'must be a quoted entity tag as the ETag header gave it, such as "3"'
        raise ValidationFailed(errors=[FieldError("invalid_etag", detail, header="If-Match")])
    return frozenset(tag for weak, tag in _TAG.findall(field) if not weak)
