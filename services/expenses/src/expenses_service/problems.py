"""Problem documents (RFC 9457): the one place that knows which error has which status."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from expenses_service.errors import (
    MAX_ERRORS,
    BodyTooLarge,
    Conflict,
    FieldError,
    Forbidden,
    Gone,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    RateLimited,
    ServiceError,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
    VersionConflict,
)

MEDIA_TYPE = "application/problem+json"
DEFAULT_RETRY_SECONDS = 2
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")

STATUS: Mapping[type[ServiceError], int] = {
    InvalidRequest: 400,
    NotAuthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Gone: 410,
    VersionConflict: 412,
    BodyTooLarge: 413,
    UnsupportedMediaType: 415,
    ValidationFailed: 422,
    RateLimited: 429,
    Unavailable: 503,
}
# What has no domain error: the framework's and the gateway's own.
PLAIN: Mapping[int, tuple[str, str]] = {
    400: ("invalid_request", InvalidRequest.default_detail),
    404: (NotFound.code, NotFound.default_detail),
    405: ("method_not_allowed", "This path does not take that method; see the Allow header."),
    413: (BodyTooLarge.code, BodyTooLarge.default_detail),
    500: ("internal_error", ServiceError.default_detail),
    502: ("bad_gateway", "The service behind the gateway could not be reached."),
    503: (Unavailable.code, Unavailable.default_detail),
    504: ("gateway_timeout", "The service behind the gateway did not answer in time."),
}
# Why the gateway had to answer itself, for the log.
GATEWAY: Mapping[int, str] = {
    404: "no such route",
    502: "the server that it chose cannot be reached, or broke off",
    503: "no server of the service is ready",
    504: "no answer in time",
}

log = structlog.get_logger(__name__)
router = APIRouter(include_in_schema=False)


def status_of(error: ServiceError) -> int:
    """The status of the nearest base class that has one."""
    return next((STATUS[base] for base in type(error).__mro__ if base in STATUS), 500)


def document(
    status: int,
    code: str,
    detail: str,
    *,
    instance: str,
    request_id: str,
    errors: Sequence[FieldError] = (),
) -> dict[str, object]:
    """The members that every problem has."""
    return {
        "type": f"urn:expense-api:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "code": code,
        "detail": detail,
        "instance": instance,
        "request_id": request_id,
        "errors": [_member(error) for error in errors[:MAX_ERRORS]],
    }


def _member(error: FieldError) -> dict[str, str | int]:
    members = {name: getattr(error, name) for name in FieldError.__slots__}
    return {name: value for name, value in members.items() if value is not None}


def problem_of(error: ServiceError, request: Request) -> dict[str, object]:
    """The whole document of a domain error, extensions included; `retry_after` is a header only."""
    members = document(
        status_of(error),
        error.code,
        error.detail,
        instance=path_of(request.scope),
        request_id=request_id_of(request),
        errors=error.errors,
    )
    return members | {k: v for k, v in error.extensions.items() if k != "retry_after"}


def path_of(scope: Scope) -> str:
    """The request's path as it was sent, which is a URI reference (RFC 9457, 3.1.5)."""
    return str(scope["raw_path"], "latin-1") if scope.get("raw_path") else str(scope["path"])


def request_id_of(request: Request) -> str:
    """The id that the telemetry middleware gave this request."""
    return str(request.scope.get("state", {}).get("request_id", "unknown"))


def _tell(request: Request, code: str, cause: str | None = None) -> None:
    """Have the request's log line name its problem, and what is known of its cause."""
    state = request.scope.setdefault("state", {})
    state["problem"] = code
    state["cause"] = cause or state.get("cause")


def _cause_of(error: ServiceError) -> str | None:
    """For the log: what the error says of it, or how often which code is in `errors`."""
    codes = Counter(each.code for each in error.errors)
    return error.cause or ", ".join(f"{code} {n}" for code, n in codes.items()) or None


def respond(members: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    """A response of such a document; lone surrogates from the input become `?`."""
    status = int(str(members["status"]))
    body = json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    response = Response(body, status, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        response.headers["Retry-After"] = str(DEFAULT_RETRY_SECONDS)
    response.headers.update(headers or {})
    return response


def response_of(error: ServiceError, request: Request) -> Response:
    """The response that answers `request` with `error`."""
    _tell(request, error.code, _cause_of(error))
    retry_after = error.extensions.get("retry_after")
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return respond(problem_of(error, request), headers)


def plain(status: int, request: Request, headers: Mapping[str, str] | None = None) -> Response:
    """The response of a status that no domain error stands behind."""
    code, detail = PLAIN.get(status, PLAIN[500])
    _tell(request, code)
    members = document(
        status, code, detail, instance=path_of(request.scope), request_id=request_id_of(request)
    )
    return respond(members, headers)


@router.get("/internal/problems/{status}")
async def problem_for_gateway(status: int, request: Request, url: str = "/") -> Response:
    """The document for an error of the gateway itself; `url` is what its client asked for."""
    known = status if status in PLAIN else int(HTTPStatus.INTERNAL_SERVER_ERROR)
    code, detail = PLAIN[known]
    _tell(request, code, f"gateway: {GATEWAY.get(known, 'refused by itself')}")
    instance = urlsplit(url).path or "/"
    return respond(
        document(known, code, detail, instance=instance, request_id=request_id_of(request))
    )


def install(app: FastAPI) -> None:
    """Answer every exception with a problem document, never with FastAPI's own `detail`."""
    app.include_router(router)
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_path_parameter)


async def _on_service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101 - the registration above promises it
    return response_of(error, request)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - the registration above promises it
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return plain(405, request, {"Allow": ", ".join(_allowed(request))})
    return plain(error.status_code, request)


def _allowed(request: Request) -> list[str]:
    """The methods of all routes of this path; the framework names those of the first only."""

    def takes(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    methods = {method for method in METHODS if takes(method)}
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


async def _on_path_parameter(request: Request, _: Exception) -> Response:
    """FastAPI validates path parameters only, here: an id of a wrong form names nothing."""
    return plain(404, request)
