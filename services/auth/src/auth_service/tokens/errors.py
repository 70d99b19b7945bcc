"""What can stand against a personal access token."""

from auth_service.errors import Conflict


class TooManyTokens(Conflict):
    """The user has as many as one may have."""

    code = "too_many_tokens"
    default_detail = "You have 100 personal access tokens: revoke one that you no longer need."
