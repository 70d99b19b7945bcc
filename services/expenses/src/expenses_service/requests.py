"""Reads bodies and parameters strictly, and only once the caller is known to be allowed.

FastAPI reads bodies before it asks dependencies, which would answer 422 to somebody who is not even
signed in. These dependencies are asked in the order in which an endpoint names them: credentials
first, then the body, then the parameters.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict
from starlette.requests import ClientDisconnect

from expenses_service.errors import (
    BodyTooLarge,
    FieldError,
    UnsupportedMediaType,
    ValidationFailed,
)
from expenses_service.header_fields import first
from expenses_service.json_text import parse_json
from expenses_service.validation import Model, validate, validate_parameters

MAX_BODY_BYTES = 1024 * 1024
MAX_PARAMETERS = 64
JSON = ("application/json",)
MERGE_PATCH = ("application/merge-patch+json", "application/json")  # RFC 7396


async def limit_body(request: Request) -> None:
    """The first dependency of every route: refuses a body that says itself that it is too large."""
    declared = first(request, b"content-length")
    if declared is None:
        return
    if not declared.isdecimal() or int(declared) > body_limit(request):
        raise BodyTooLarge(f"The body may have at most {body_limit(request)} bytes.")


def body_limit(request: Request) -> int:
    """Bytes that the route of `request` takes; `x-max-body-bytes` in its OpenAPI, or 1 MiB."""
    extra = getattr(request.scope.get("route"), "openapi_extra", None) or {}
    return int(extra.get("x-max-body-bytes", MAX_BODY_BYTES))


async def read_body(request: Request) -> bytes:
    """The whole body, to be read once. Raises BodyTooLarge as soon as it is, chunked or not."""
    limit = body_limit(request)
    body, more = bytearray(), True
    while more:
        message = await request.receive()  # `stream` is a generator around this
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge(f"The body may have at most {limit} bytes.")
        more = message.get("more_body", False)
    return bytes(body)


def json_body(
    model: type[Model], media: Sequence[str] = JSON
) -> Callable[[Request], Awaitable[Model]]:
    """A dependency that gives the body as `model`: 413, then 415, then 400, then 422.

    A request without a body needs no type, and is no JSON.
    """

    async def dependency(request: Request) -> Model:
        body = await read_body(request)
        if body or first(request, b"content-type") is not None:
            require_media_type(request, media)
        return validate(model, parse_json(body))

    return dependency


def require_media_type(request: Request, media: Sequence[str]) -> None:
    """Raises UnsupportedMediaType, naming what would do; codings (RFC 9110, 8.4) are not undone."""
    coding = first(request, b"content-encoding")
    if coding is not None and coding.strip().lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
    declared = first(request, b"content-type") or ""
    if declared.partition(";")[0].strip().lower() not in media:
        raise UnsupportedMediaType(f"Send the body with Content-Type: {media[0]}.")


def query(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """A dependency that gives the query as `model`: no parameter twice, none that is unknown."""

    async def dependency(request: Request) -> Model:
        text = request.scope["query_string"].decode("latin-1")
        pairs = parse_qsl(text, keep_blank_values=True) if text else []
        if len(pairs) > MAX_PARAMETERS:
            many = FieldError("too_long", f"at most {MAX_PARAMETERS} are looked at", parameter="")
            raise ValidationFailed(errors=[many])
        values = dict(pairs)
        times = Counter(name for name, _ in pairs) if len(values) < len(pairs) else {}
        twice = [
            FieldError(
                "duplicate_parameter", "give it once, values separated by commas", parameter=n
            )
            for n in times
            if times[n] > 1
        ]
        if twice:
            raise ValidationFailed(errors=twice)
        return validate_parameters(model, values)

    return dependency


class _NoParameters(BaseModel):
    """The query of a call that has none: every parameter is unknown."""

    model_config = ConfigDict(extra="forbid")


_refuse_parameters: Final = query(_NoParameters)


async def _no_query(request: Request) -> None:
    if request.scope["query_string"]:
        await _refuse_parameters(request)


Bare = Annotated[None, Depends(_no_query)]
"""A query without parameters; any one is unknown."""
