"""Reads and writes the product's own cookies (RFC 6265bis), strictly.

Each profile has, and reads, only its own names: over https with the prefixes that browsers enforce,
over http://localhost without them, since those demand Secure.
"""

from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import Response

from auth_service.errors import InvalidRequest

REFRESH_PATH = "/api/v1/auth"
DEVICE_SECONDS = 365 * 24 * 3600


class DuplicateCookie(InvalidRequest):
    """Two cookies of one name: one of them was planted, and nobody can say which."""

    code = "duplicate_cookie"
    default_detail = "A cookie of this site was sent twice; clear this site's cookies and sign in."


@dataclass(frozen=True, slots=True)
class CookieProfile:
    """The names of the cookies; `secure` is whether browsers reach the service over https."""

    secure: bool

    @property
    def access(self) -> str:
        """Sent with every request to the origin."""
        return "__Host-ea_access" if self.secure else "ea_access"

    @property
    def refresh(self) -> str:
        """Sent to auth alone; a path rules the __Host- prefix out."""
        return "__Secure-ea_refresh" if self.secure else "ea_refresh"

    @property
    def device(self) -> str:
        """Tells a browser that signed in before."""
        return "__Host-ea_device" if self.secure else "ea_device"

    def set_access(self, response: Response, token: str, max_age: int) -> None:
        """Add the access cookie, for `max_age` seconds."""
        self._set(response, self.access, token, max_age, "/")

    def set_refresh(self, response: Response, token: str, max_age: int) -> None:
        """Add the refresh cookie, for `max_age` seconds."""
        self._set(response, self.refresh, token, max_age, REFRESH_PATH)

    def set_device(self, response: Response, token: str) -> None:
        """Add the device cookie, for a year."""
        self._set(response, self.device, token, DEVICE_SECONDS, "/")

    def clear(self, response: Response) -> None:
        """Take the tokens away; the device stays known."""
        self._set(response, self.access, "", 0, "/")
        self._set(response, self.refresh, "", 0, REFRESH_PATH)

    def _set(self, response: Response, name: str, value: str, max_age: int, path: str) -> None:
        """As the contract spells it; tokens need no quotes (RFC 6265, section 4.1.1)."""
        attributes = [f"Max-Age={max_age}", f"Path={path}", "HttpOnly", "SameSite=Strict"]
        if self.secure:
            attributes.append("Secure")
        response.headers.append("Set-Cookie", "; ".join([f"{name}={value}", *attributes]))


def read_cookie(request: HTTPConnection, name: str) -> str | None:
    """The value of the one cookie `name`, or None when there is none.

    Raises:
        DuplicateCookie: it is there twice, in one header or in two.

    """
    values = []
    for header in request.headers.getlist("cookie"):
        for pair in header.split(";"):
            key, separator, value = pair.strip(" \t").partition("=")
            if separator and key == name:
                values.append(value)
    if len(values) > 1:
        raise DuplicateCookie
    return values[0] if values else None
