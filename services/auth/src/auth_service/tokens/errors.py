"""What can stand against a personal access token."""

from auth_service.errors import Conflict, RateLimited


class TooManyTokens(Conflict):
    """The user has as many as one may have."""

    code = "too_many_tokens"
    default_detail = "You have 100 personal access tokens: revoke one that you no longer need."


class TooManyMade(RateLimited):
    """The user has made as many as one may within ten minutes, revoked ones too."""

    default_detail = (
        "You have made 200 personal access tokens within ten minutes: wait as long as Retry-After"
        " says, then try again."
    )
