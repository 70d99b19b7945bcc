"""Entity tags and the conditions on them (RFC 9110, sections 8.8.3 and 13)."""

import re
from collections.abc import Callable
from functools import partial
from hashlib import blake2b

from starlette.requests import HTTPConnection

from expenses_service.errors import FieldError, ValidationFailed
from expenses_service.header_fields import values

DIGEST_BYTES = 16
FIELD_PATTERN = r'^(\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$'
"""For the specification: how If-Match is written. More white space is read as well."""

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
    return is_named(_field(request, b"if-none-match") or "", etag)


def client_has(request: HTTPConnection) -> Callable[[str], bool] | None:
    """The same as a question about any tag; None when there is no If-None-Match."""
    field = _field(request, b"if-none-match")
    return None if field is None else partial(is_named, field)


def is_named(field: str, etag: str) -> bool:
    """Whether `field`, the value of If-None-Match, names `etag` (weak comparison) or is `*`."""
    if field.strip() == "*":
        return True
    return etag.removeprefix("W/") in {tag for _, tag in _TAG.findall(field)}


def if_match(request: HTTPConnection) -> frozenset[str] | None:
    """The strong tags of If-Match; None when there is no condition (absent, or `*`).

    A weak tag never matches (strong comparison), so it stands for nothing here.

    Raises:
        ValidationFailed: the field is not a list of entity tags.
    """
    field = _field(request, b"if-match")
    if field is None or field.strip() == "*":
        return None
    if not _LIST.fullmatch(field):
        detail = 'must be a quoted entity tag as the ETag header gave it, such as "3"'
        raise ValidationFailed(errors=[FieldError("invalid_etag", detail, header="If-Match")])
    return frozenset(tag for weak, tag in _TAG.findall(field) if not weak)


def precondition(request: HTTPConnection) -> Callable[[str | None], bool]:
    """If-Match and If-None-Match of a PUT, which may create what is not there (section 13.2.2).

    To be asked with the present entity tag, None when there is nothing. `If-Match: *` wants
    something to be there, `If-None-Match: *` nothing. Raises ValidationFailed like `if_match`.
    """
    tags = if_match(request)
    conditional = _field(request, b"if-match") is not None

    def holds(etag: str | None) -> bool:
        if etag is None:
            return not conditional
        return (tags is None or etag in tags) and not not_modified(request, etag)

    return holds


def _field(request: HTTPConnection, name: bytes) -> str | None:
    """The header's value, in one field or in several; None without it."""
    found = values(request, name)
    return ", ".join(found) if found else None
