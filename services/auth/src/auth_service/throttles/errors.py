"""Why somebody has to wait."""

from auth_service.errors import RateLimited


class TooManyAttempts(RateLimited):
    """As many wrong passwords, or new accounts, as are allowed for the time being."""

    default_detail = "Too many attempts: wait as long as Retry-After says, then try again."
