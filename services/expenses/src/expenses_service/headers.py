"""The headers of the specification: what answers have, and what requests may have."""

from collections.abc import Mapping
from typing import Any, Final

from expenses_service.etag import FIELD_PATTERN

_TEXT: Final = {"type": "string"}


def _answered(description: str, *, always: bool = False, **schema: object) -> dict[str, Any]:
    """`always`: wherever it is declared."""
    told = {"description": description, "schema": {**_TEXT, **schema}}
    return {**told, "required": True} if always else told


ANSWERED: Final[Mapping[str, dict[str, Any]]] = {
    "X-Request-ID": _answered(
        "The request's own, if it is of these characters, else a new one; it is in the logs.",
        pattern="^[A-Za-z0-9._-]{1,128}$",
    ),
    "Cache-Control": _answered("Who may keep the answer, and for how long (RFC 9111)."),
    "Vary": _answered("Answers differ by credentials.", always=True),
    "ETag": _answered(
        'For If-None-Match and If-Match; of an expense it is the version in quotes, such as `"3"`. '
        "After a restored backup it may have more: send back what you were given.",
        always=True,
        pattern='^"[!#-~]+"$',
    ),
    "Location": _answered("The path of what was made.", always=True, format="uri-reference"),
    "Link": _answered('The next page: `<…>; rel="next"`; not on the last one.'),
    "Content-Disposition": _answered("A name for the file (RFC 6266).", always=True),
    "Idempotency-Replayed": _answered("On a replay only.", enum=["true"]),
    "WWW-Authenticate": _answered("Always `Bearer`.", always=True),
    "Allow": _answered("The methods that the path takes.", always=True),
    "Retry-After": _answered("Seconds to wait.", type="integer", minimum=0),
    "Content-Security-Policy": _answered("Set by the gateway."),
    "X-Content-Type-Options": _answered("Always `nosniff`; set by the gateway."),
    "Referrer-Policy": _answered("Always `no-referrer`; set by the gateway."),
    "Strict-Transport-Security": _answered("Over https only; set by the gateway."),
}
EVERYWHERE: Final = (
    "X-Request-ID",
    "Cache-Control",
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Strict-Transport-Security",
)


def _asked(name: str, description: str, **more: object) -> Mapping[str, Any]:
    parameter = {"name": name, "in": "header", "required": False, "description": description}
    return {**parameter, "schema": _TEXT, **more}


REQUEST_ID: Final = _asked(
    "X-Request-ID", "Kept when it is 1 to 128 of `A-Z a-z 0-9 . _ -`, else replaced."
)
IF_NONE_MATCH: Final = _asked(
    "If-None-Match", "ETags that the client has; 304 when one of them is the present one."
)
IF_MATCH: Final = _asked(
    "If-Match",
    "The ETag that was read; a stale one is 412.",
    schema={**_TEXT, "pattern": FIELD_PATTERN},
    example='"1"',
)
IDEMPOTENCY_KEY: Final = _asked(
    "Idempotency-Key",
    "Names this request for 24 hours, so that a retry has no second effect.",
    schema={**_TEXT, "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
)
