"""Refuses requests that another site's page made with the cookies of a signed-in browser.

Fetch Metadata (W3C) decides; where a browser does not send it, Origin (RFC 6454) does. A caller
that sends neither is no browser.
"""

from starlette.requests import HTTPConnection

from expenses_service.errors import Forbidden
from expenses_service.header_fields import values

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})


class CrossSiteRequest(Forbidden):
    """The request does not come from a page of the public origin."""

    code = "cross_site_request"
    default_detail = "This request comes from another site, which is not allowed."


def refuse_cross_site(request: HTTPConnection, public_origin: str) -> None:
    """To be called for unsafe methods that cookies authenticate. Raises CrossSiteRequest."""
    sites = values(request, b"sec-fetch-site")
    origins = values(request, b"origin")
    if sites:
        if len(sites) > 1 or sites[0] not in OWN_SITES:
            raise CrossSiteRequest
    elif origins and (len(origins) > 1 or origins[0] != public_origin):
        raise CrossSiteRequest
