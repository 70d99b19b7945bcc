"""What can go wrong, in the words of the domain.

ServiceError
├── InvalidRequest        the request cannot be understood
├── NotAuthenticated      nobody is signed in, or the credentials are not good
├── Forbidden             somebody is signed in, but may not
├── NotFound              absent, or somebody else's
├── Conflict              something that exists stands against it
├── Gone                  was there, and will not be again
├── VersionConflict       the resource has changed since it was read
├── BodyTooLarge
├── UnsupportedMediaType
├── ValidationFailed      understood, but fields are not valid
├── RateLimited
└── Unavailable           a dependency is down or busy

Features derive theirs and give them a `code`. Only `problems.py` knows which status each has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

MAX_ERRORS: Final = 50
"""Of fields, that are told; more are not looked at."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that is to blame: exactly one of `pointer` (RFC 6901), `parameter`, `header`.

    The pointer is into the body, or into the document that begins on `line` of it.
    """

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None
    suggestion: str | None = None
    line: int | None = None


class ServiceError(Exception):
    """`extensions` become members of the problem document (RFC 9457, section 3.2).

    `cause` is for the log alone: which part failed and how, in no words of a client or a row.
    """

    code: ClassVar[str] = "internal_error"
    default_detail: ClassVar[str] = "Something went wrong on our side."

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        cause: str | None = None,
        **extensions: object,
    ) -> None:
        self.detail = detail or self.default_detail
        self.errors = tuple(errors)
        self.cause = cause
        self.extensions = extensions
        super().__init__(self.detail)


class InvalidRequest(ServiceError):
    """The request cannot be understood."""

    code = "invalid_request"
    default_detail = "The request cannot be understood."


class MalformedJson(InvalidRequest):
    """The body is not one JSON text (RFC 8259) with distinct member names."""

    code = "malformed_json"
    default_detail = "The body is not valid JSON."


class NotAuthenticated(ServiceError):
    """No credentials, or none that are good."""

    code = "not_authenticated"
    default_detail = "Sign in first."


class Forbidden(ServiceError):
    """Signed in, but not allowed to do this."""

    code = "forbidden"
    default_detail = "This is not allowed."


class NotFound(ServiceError):
    """Absent or somebody else's: the caller cannot tell which."""

    code = "not_found"
    default_detail = "There is nothing here."


class Conflict(ServiceError):
    """Something that exists stands against the request."""

    code = "conflict"
    default_detail = "The request conflicts with what exists."


class Gone(ServiceError):
    """What was asked for cannot be given any more."""

    code = "gone"
    default_detail = "This is gone for good."


class VersionConflict(ServiceError):
    """The resource has changed since the caller read it."""

    code = "version_conflict"
    default_detail = "This has changed since you read it: read it again, then decide."


class BodyTooLarge(ServiceError):
    """The body has more bytes than this call takes."""

    code = "body_too_large"
    default_detail = "The body is larger than this call takes."


class UnsupportedMediaType(ServiceError):
    """The body is declared as something that this call does not take."""

    code = "unsupported_media_type"
    default_detail = "The body has a media type that this call does not take."


class ValidationFailed(ServiceError):
    """Understood, but fields are not valid; `errors` names each of them."""

    code = "validation_error"
    default_detail = "The request has fields that are not valid; see errors."


class RateLimited(ServiceError):
    """Too many requests; the extension `retry_after` gives seconds."""

    code = "rate_limited"
    default_detail = "Too many requests: wait before the next one."


class Unavailable(ServiceError):
    """A dependency is down or busy; the extension `retry_after` gives seconds."""

    code = "unavailable"
    default_detail = "A part that this needs cannot be reached at the moment: try again soon."
