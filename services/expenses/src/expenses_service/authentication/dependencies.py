"""Who is calling, as routes ask for it: `async def list_(principal: Reader, …)`."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends, Request

from expenses_service.authentication.errors import AmbiguousCredentials, InsufficientScope
from expenses_service.authentication.models import Principal
from expenses_service.cookies import access_cookie, read_cookie
from expenses_service.cross_site import SAFE_METHODS, refuse_cross_site
from expenses_service.errors import NotAuthenticated
from expenses_service.header_fields import values
from expenses_service.resources import Resources, get_resources
from expenses_service.telemetry import identify

CALLER: Final = "caller"
"""In the scope of a GET: who is known to have sent it, so that the same token is not read twice."""
READ: Final = "expenses:read"
WRITE: Final = "expenses:write"


def requires(scope: str) -> Callable[..., Awaitable[Principal]]:
    """A dependency: 400 credentials, 401, 403 cross-site, then 403 scope, in this order."""

    async def dependency(
        request: Request, resources: Annotated[Resources, Depends(get_resources)]
    ) -> Principal:
        principal = await authenticate(request, resources)
        if scope not in principal.scopes:
            raise InsufficientScope(f"This call needs the scope {scope}.")
        return principal

    return dependency


async def authenticate(request: Request, resources: Resources) -> Principal:
    """The caller by his access cookie or his Bearer token.

    Raises:
        DuplicateCookie, AmbiguousCredentials: it is not clear which credentials are meant.
        NotAuthenticated, TokenExpired, InvalidToken, KeysUnavailable: see the authenticator.
        CrossSiteRequest: a page of another site used the cookie for an unsafe method.

    """
    known: Principal | None = request.scope.get(CALLER)
    if known is not None:
        identify(request.scope, known.user, known.session)
        return known
    cookie = read_cookie(request, access_cookie(secure=resources.settings.secure))
    fields = values(request, b"authorization")
    if len(fields) + (cookie is not None) > 1:
        raise AmbiguousCredentials
    text = cookie or bearer_token(*fields)
    if not text:
        raise NotAuthenticated
    principal = await resources.authenticator.authenticate(text)
    identify(request.scope, principal.user, principal.session)
    if cookie and request.method not in SAFE_METHODS:
        refuse_cross_site(request, resources.settings.public_origin)
    return principal


def bearer_token(authorization: str = "") -> str:
    """RFC 6750, section 2.1; another scheme is as good as none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else ""


Reader = Annotated[Principal, Depends(requires(READ))]
Writer = Annotated[Principal, Depends(requires(WRITE))]
