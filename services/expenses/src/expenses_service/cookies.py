"""Reads the product's own cookies (RFC 6265) from the raw request, strictly."""

from starlette.requests import HTTPConnection

from expenses_service.errors import InvalidRequest
from expenses_service.header_fields import values

ACCESS = "ea_access"


class DuplicateCookie(InvalidRequest):
    """Two cookies of one name: one of them was planted, and nobody can say which."""

    code = "duplicate_cookie"
    default_detail = "A cookie of this site was sent twice; clear this site's cookies and sign in."


def access_cookie(*, secure: bool) -> str:
    """Each profile has, and reads, only its own names."""
    return f"__Host-{ACCESS}" if secure else ACCESS


def read_cookie(request: HTTPConnection, name: str) -> str | None:
    """The value of the one cookie `name`, or None when there is none.

    Raises:
        DuplicateCookie: it is there twice, in one header or in two.
    """
    found = []
    for field in values(request, b"cookie"):
        for pair in field.split(";"):
            key, separator, value = pair.strip(" \t").partition("=")
            if separator and key == name:
                found.append(value)
    if len(found) > 1:
        raise DuplicateCookie
    return found[0] if found else None
