"""Why a caller is not let in. No answer says which check of a token failed."""

from expenses_service.errors import Forbidden, InvalidRequest, NotAuthenticated


class TokenExpired(NotAuthenticated):
    """The token was good and is past its `exp`."""

    code = "token_expired"
    default_detail = "The access token has expired."


class SessionRevoked(NotAuthenticated):
    """The session of the token was ended, or all tokens of its version were."""

    code = "session_revoked"
    default_detail = "The session was ended: sign in again."


class InvalidToken(NotAuthenticated):
    """Any other failed check."""

    code = "invalid_token"
    default_detail = "The access token is not valid."


class AmbiguousCredentials(InvalidRequest):
    """Cookie and Authorization together, or two Authorization headers."""

    code = "ambiguous_credentials"
    default_detail = "Send either the access cookie or one Authorization header, not both."


class InsufficientScope(Forbidden):
    """The token is good but was not given for this."""

    code = "insufficient_scope"
    default_detail = "The access token does not have the scope that this call needs."
