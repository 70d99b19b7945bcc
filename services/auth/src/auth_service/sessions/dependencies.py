"""Who is calling: access token from cookie or Authorization, alive and not revoked.

In the order that API.md gives: credentials 400, then 401, then cross-site and scope 403.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from auth_service.cookies import CookieProfile, read_cookie
from auth_service.cross_site import SAFE_METHODS, refuse_cross_site
from auth_service.errors import NotAuthenticated
from auth_service.keys.errors import InvalidToken
from auth_service.resources import Resources, get_resources
from auth_service.sessions import rules, service
from auth_service.sessions.errors import AmbiguousCredentials, InsufficientScope
from auth_service.sessions.models import AccessClaims, Caller, RefreshClaims
from auth_service.telemetry import identify


def access_token(request: Request, profile: CookieProfile) -> tuple[str | None, bool]:
    """The token and whether a cookie brought it.

    Raises:
        DuplicateCookie: two cookies of one name.
        AmbiguousCredentials: cookie and Authorization together, or two of the latter.

    """
    cookie = read_cookie(request, profile.access)
    fields = request.headers.getlist("authorization")
    if len(fields) + (cookie is not None) > 1:
        raise AmbiguousCredentials
    return cookie or _bearer_token(*fields) or None, cookie is not None


def _bearer_token(authorization: str = "") -> str:
    """RFC 6750, section 2.1; another scheme is as good as none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else ""


async def read_access(
    resources: Resources, token: str, *, long_lived: bool = False
) -> AccessClaims:
    """Raises InvalidToken; an expired one is read too, of a key that has left only `long_lived`."""
    claims = await resources.keys.verify(token, rules.ACCESS_TYPE, long_lived=long_lived)
    return rules.read_access(claims, resources.settings.issuer, time.time())


def caller_with(scope: str) -> Callable[[Request, Resources], Awaitable[Caller]]:
    """A dependency for callers whose token has `scope`."""

    async def dependency(
        request: Request, resources: Annotated[Resources, Depends(get_resources)]
    ) -> Caller:
        token, by_cookie = access_token(request, resources.cookies)
        if token is None:
            raise NotAuthenticated
        claims = await read_access(resources, token)
        rules.check_alive(claims.expires_at, time.time())
        user = await service.standing(resources, claims)
        identify(request, user.id, claims.session_id)
        if by_cookie and request.method not in SAFE_METHODS:
            refuse_cross_site(request, resources.settings.public_origin)
        if scope not in claims.scopes:
            raise InsufficientScope
        return Caller(user, claims)

    return dependency


async def own_site(
    request: Request, resources: Annotated[Resources, Depends(get_resources)]
) -> None:
    """For what begins, keeps or ends a session: refuses other sites' pages, signed in or not."""
    refuse_cross_site(request, resources.settings.public_origin)


ProfileReader = Annotated[Caller, Depends(caller_with("profile:read"))]
ProfileWriter = Annotated[Caller, Depends(caller_with("profile:write"))]


async def refresh_claims(request: Request, resources: Resources) -> RefreshClaims:
    """What the refresh cookie says, expired or not; the access token is not judged.

    Raises:
        DuplicateCookie, AmbiguousCredentials: as for the access token, which need not be there.
        NotAuthenticated: it is not there.
        InvalidToken: it is not a refresh token of ours.

    """
    access_token(request, resources.cookies)
    token = read_cookie(request, resources.cookies.refresh)
    if not token:
        raise NotAuthenticated
    return await service.read_refresh(resources, token)


async def sessions_to_end(request: Request, resources: Resources) -> set[tuple[UUID, UUID]]:
    """The sessions and users that the tokens of a logout name; foreign tokens name none.

    A page of another site is refused even without cookies, which SameSite keeps back: the answer
    would clear them. Only a bearer token by itself is no browser's doing.
    """
    access, by_cookie = access_token(request, resources.cookies)
    refresh = read_cookie(request, resources.cookies.refresh)
    if access is None or by_cookie or refresh is not None:
        refuse_cross_site(request, resources.settings.public_origin)
    found: set[tuple[UUID, UUID]] = set()
    if access:
        with suppress(InvalidToken):
            claims = await read_access(resources, access, long_lived=True)
            if claims.client_id == rules.WEB:  # a personal access token is no session
                found.add((claims.session_id, claims.user_id))
    if refresh:
        with suppress(InvalidToken):
            token = await service.read_refresh(resources, refresh)
            found.add((token.session_id, token.user_id))
    return found
