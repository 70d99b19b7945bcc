"""What can stand against a registration, a sign-in or a change of profile."""

from auth_service.errors import (
    Conflict,
    Forbidden,
    NotAuthenticated,
    Unavailable,
    ValidationFailed,
)


class EmailTaken(Conflict):
    """Another account has this address (infra/adr/0004)."""

    code = "email_taken"
    default_detail = "There is already an account with this e-mail address."


class WeakPassword(ValidationFailed):
    """The password is among the first that somebody would guess."""

    code = "weak_password"
    default_detail = "This password is easy to guess; choose a longer or less common one."


class InvalidCredentials(NotAuthenticated):
    """Wrong password or unknown address: the same answer for the same work."""

    code = "invalid_credentials"
    default_detail = "The e-mail address or the password is not right."


class WrongPassword(Forbidden):
    """The caller is signed in, and the password given once more is not theirs."""

    code = "invalid_credentials"
    default_detail = "The current password is not right."


class Busy(Unavailable):
    """As many passwords are being checked as this process may check at once."""

    code = "busy"
    default_detail = "Too many people are signing in at this moment: try again in a second."
