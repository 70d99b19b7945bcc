"""What the specification says of every answer: headers, problem documents, what the gateway adds.

A route declares what it alone has; all the rest is the same for all of them and is added here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from expenses_service import headers
from expenses_service.errors import MAX_ERRORS
from expenses_service.problems import MEDIA_TYPE, document

PROBLEM: Final = "Problem"

MEMBERS: Final = ("type", "title", "code", "detail", "instance", "request_id")

_TEXT: Final = {"type": "string"}
_ROWS: Final = {"type": "integer", "description": "Of an import that bad rows keep out."}


@dataclass(frozen=True, slots=True)
class _Error:
    """A status, the codes of its problem documents, and when it is plain text instead."""

    codes: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    plain: str = ""

    @property
    def description(self) -> str:
        told = ", ".join(f"`{code}`" for code in self.codes)
        return ". ".join(filter(None, (told, self.plain and f"Plain text: {self.plain}"))) + "."


ERRORS: Final[Mapping[int, _Error]] = {
    400: _Error(
        (
            "malformed_json",
            "invalid_cursor",
            "ambiguous_credentials",
            "duplicate_cookie",
            "invalid_request",
        ),
        plain="the gateway's HTTP parser refuses the request",
    ),
    401: _Error(
        ("not_authenticated", "token_expired", "session_revoked", "invalid_token"),
        ("WWW-Authenticate",),
    ),
    403: _Error(("cross_site_request", "insufficient_scope")),
    404: _Error(("not_found",)),
    405: _Error(("method_not_allowed",), ("Allow",)),
    409: _Error(
        (
            "external_id_taken",
            "slug_taken",
            "category_in_use",
            "too_many_categories",
            "deleted",
            "idempotency_in_progress",
        ),
        ("Retry-After",),
    ),
    410: _Error(("resync_required",)),
    412: _Error(("version_conflict",)),
    413: _Error(("body_too_large",)),
    415: _Error(("unsupported_media_type",)),
    417: _Error(plain="another expectation than 100-continue"),
    422: _Error(("validation_error", "idempotency_key_reused")),
    429: _Error(
        ("rate_limited",),
        ("Retry-After",),
        plain="the gateway has too many requests of this address at once",
    ),
    431: _Error(plain="the headers are larger than 32 KiB"),
    499: _Error(plain="the body took more than a minute"),
    500: _Error(("internal_error",), plain="the gateway could not read a chunked body"),
    501: _Error(plain="a transfer coding that is not known"),
    502: _Error(("bad_gateway",)),
    503: _Error(("unavailable",), ("Retry-After",), plain="no service is there at all"),
    504: _Error(("gateway_timeout",)),
    505: _Error(plain="another version of HTTP"),
}
PROBLEM_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "A problem document (RFC 9457); programs switch on `code`.",
    "required": [*MEMBERS, "status", "errors"],
    "properties": {
        **dict.fromkeys(MEMBERS, _TEXT),
        "status": {"type": "integer"},
        "current_version": {
            "type": "integer",
            "description": "Of `version_conflict` of an expense.",
        },
        **dict.fromkeys(("created", "updated", "unchanged", "failed"), _ROWS),
        "errors": {
            "type": "array",
            "maxItems": MAX_ERRORS,
            "items": {
                "type": "object",
                "description": "With one of `pointer`, `parameter` and `header`.",
                "required": ["code", "detail"],
                "properties": {
                    **dict.fromkeys(
                        ("code", "detail", "pointer", "parameter", "header", "suggestion"), _TEXT
                    ),
                    "line": {
                        "type": "integer",
                        "description": "Of a file: where the row begins that `pointer` is into.",
                    },
                },
            },
        },
    },
}
ALWAYS: Final = frozenset({400, 413, 417, 422, 429, 431, 500, 501, 502, 503, 504, 505})
SIGNED_IN: Final = frozenset({401, 403})
WITH_BODY: Final = frozenset({415, 499})


def components() -> dict[str, dict[str, Any]]:
    """What the answers of all operations refer to."""
    return {
        "headers": dict(headers.ANSWERED),
        "responses": {_name(status): _response(status) for status in ERRORS},
    }


def complete(operation: dict[str, Any]) -> None:
    """Give an operation all the answers that it can have, each with all its headers."""
    answers = {int(status): answer for status, answer in operation["responses"].items()}
    errors = {status for status in answers if status in ERRORS} | ALWAYS
    if "security" in operation:
        errors |= SIGNED_IN
    if "requestBody" in operation:
        errors |= WITH_BODY
    good = sorted(answers.keys() - ERRORS.keys())
    for status in good:
        answers[status]["headers"] = _references(_headers(operation, status, answers))
    references = {str(status): _reference("responses", _name(status)) for status in sorted(errors)}
    operation["responses"] = {str(status): answers[status] for status in good} | references
    parameters = operation.setdefault("parameters", [])
    if HTTPStatus.NOT_MODIFIED in answers:
        parameters.append(headers.IF_NONE_MATCH)
    if HTTPStatus.PRECONDITION_FAILED in answers:
        parameters.append(headers.IF_MATCH)
    parameters.append(headers.REQUEST_ID)


def _headers(
    operation: Mapping[str, Any], status: int, answers: Mapping[int, Mapping[str, Any]]
) -> list[str]:
    """The names: those that the route declares, and those that follow from what it is."""
    names = list(answers[status].get("headers", {}))
    if HTTPStatus.NOT_MODIFIED in answers:
        names.append("ETag")
    if status == HTTPStatus.CREATED:
        names.append("Location")
    if any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", ())):
        names.append("Idempotency-Replayed")
    if "security" in operation:
        names.append("Vary")
    return [*dict.fromkeys(names), *headers.EVERYWHERE]


def _response(status: int) -> dict[str, Any]:
    error = ERRORS[status]
    content: dict[str, Any] = {}
    if error.codes:
        code = error.codes[0]
        content[MEDIA_TYPE] = {
            "schema": _reference("schemas", PROBLEM),
            "example": document(
                status, code, "…", instance="/api/v1/…", request_id="4bf92f3577b34da6"
            ),
        }
    if error.plain:
        content["text/plain"] = {"schema": _TEXT}
    return {
        "description": error.description,
        "headers": _references([*error.headers, *headers.EVERYWHERE]),
        "content": content,
    }


def _references(names: Iterable[str]) -> dict[str, Any]:
    return {name: _reference("headers", name) for name in names}


def _reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _name(status: int) -> str:
    return f"Error{status}"
