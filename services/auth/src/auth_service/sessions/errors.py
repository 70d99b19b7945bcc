"""Why a session does not go on."""

from auth_service.errors import Forbidden, InvalidRequest, NotAuthenticated, Unavailable


class TokenExpired(NotAuthenticated):
    """The token was good and is past its `exp`, or its session has run out."""

    code = "token_expired"
    default_detail = "The session has expired: sign in again."


class SessionRevoked(NotAuthenticated):
    """The session was ended: by its owner, or because an old token was used again."""

    code = "session_revoked"
    default_detail = "The session was ended: sign in again."


class SessionReplaced(SessionRevoked):
    """Ended a moment ago by a new password: the browser has the cookies of its successor."""


class AmbiguousCredentials(InvalidRequest):
    """Cookie and Authorization together, or two Authorization headers."""

    code = "ambiguous_credentials"
    default_detail = "Send either the access cookie or one Authorization header, not both."


class InsufficientScope(Forbidden):
    """The token is good but was not given for this."""

    code = "insufficient_scope"
    default_detail = "The access token does not have the scope that this call needs."


class SessionsUnavailable(Unavailable):
    """The sessions' Redis cannot be reached, hangs, is full or refuses."""

    default_detail = "Sessions cannot be reached at the moment: try again soon."
