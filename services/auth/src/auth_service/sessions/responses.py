"""Cookies of the answers that begin or keep a session."""

import time

from starlette.responses import Response

from auth_service.cookies import CookieProfile
from auth_service.sessions.models import Grant


def set_cookies(profile: CookieProfile, response: Response, grant: Grant) -> None:
    """Each cookie lives as long as its token."""
    now = int(time.time())
    profile.set_access(response, grant.access.text, grant.access.expires_at - now)
    if grant.refresh is not None:
        profile.set_refresh(response, grant.refresh.text, grant.refresh.expires_at - now)
