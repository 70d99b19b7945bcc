"""What can be wrong with a key, or with a token that claims to be signed with one."""

from auth_service.errors import NotAuthenticated, Unavailable


class InvalidToken(NotAuthenticated):
    """Not a token of ours; no answer says which check failed."""

    code = "invalid_token"
    default_detail = "The token is not valid."


class UnknownKid(InvalidToken):
    """Names a key of the right shape that nobody here knows; to the caller an invalid token."""


class KeysUnavailable(Unavailable):
    """The signing keys have not been read from Postgres yet."""

    default_detail = "The signing keys cannot be had at the moment."


class KeyEncryptionKeyWrong(Exception):
    """A stored key does not open under AUTH_KEY_ENCRYPTION_KEY_FILE."""
