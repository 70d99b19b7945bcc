"""Reads bodies and parameters strictly, and only once the caller is known to be allowed.

FastAPI reads bodies before it asks dependencies, which would answer 422 to somebody who is not even
signed in. These dependencies are asked in the order in which an endpoint names them: credentials
first, then the body, then the parameters.
"""

import difflib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from decimal import Decimal
from typing import Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from auth_service.errors import (
    MAX_ERRORS,
    BodyTooLarge,
    FieldError,
    MalformedJson,
    UnsupportedMediaType,
    ValidationFailed,
)

Model = TypeVar("Model", bound=BaseModel)

_DETAILS = {
    "extra_forbidden": "is not known here",
    "missing": "is required",
    "model_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
}

MAX_BODY_BYTES = 1024 * 1024
MAX_MEMBERS = 1000
MAX_PARAMETERS = 64
MAX_NEAREST = 10
JSON = ("application/json",)
MERGE_PATCH = ("application/merge-patch+json", "application/json")  # RFC 7396


async def limit_body(request: Request) -> None:
    """The first dependency of every route: refuses a body that says itself that it is too large."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > body_limit(request):
        raise BodyTooLarge(f"The body may have at most {body_limit(request)} bytes.")


def body_limit(request: Request) -> int:
    """Bytes that the route of `request` takes; `x-max-body-bytes` in its OpenAPI, or 1 MiB."""
    extra = getattr(request.scope.get("route"), "openapi_extra", None) or {}
    return int(extra.get("x-max-body-bytes", MAX_BODY_BYTES))


async def read_body(request: Request) -> bytes:
    """The whole body. Raises BodyTooLarge as soon as it is, for chunked bodies too."""
    limit = body_limit(request)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(f"The body may have at most {limit} bytes.")
    return bytes(body)


def json_body(
    model: type[Model], media: Sequence[str] = JSON
) -> Callable[[Request], Awaitable[Model]]:
    """A dependency that gives the body as `model`: 413, then 415, then 400, then 422.

    A request without a body needs no type, and is no JSON.
    """

    async def dependency(request: Request) -> Model:
        body = await read_body(request)
        if body or "content-type" in request.headers:
            require_media_type(request, media)
        return validate(model, parse_json(body))

    return dependency


def require_media_type(request: Request, media: Sequence[str]) -> None:
    """Raises UnsupportedMediaType, naming what would do; codings (RFC 9110, 8.4) are not undone."""
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared not in media:
        raise UnsupportedMediaType(f"Send the body with Content-Type: {media[0]}.")


def parse_json(body: bytes) -> object:
    """One JSON text in UTF-8 (RFC 8259): distinct member names, numbers by value as Decimal.

    Raises:
        MalformedJson: it is not; the detail says where.

    """
    try:
        return json.loads(
            body.decode(),
            object_pairs_hook=_distinct,
            parse_float=Decimal,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise MalformedJson(f"The body is not UTF-8 at byte {error.start}.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise MalformedJson(f"The body is not valid JSON at {where}: {error.msg}.") from None
    except RecursionError:
        raise MalformedJson("The body is nested too deeply.") from None
    except _Refused as error:
        raise MalformedJson(f"The body is not valid JSON: {error}.") from None
    except (ValueError, ArithmeticError):  # of Python's own limits on integers and exponents
        raise MalformedJson("The body has a number of too many digits.") from None


class _Refused(ValueError):
    """What JSON allows, or Python, and this product does not."""


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) > MAX_MEMBERS:
        raise _Refused(f"an object has more than {MAX_MEMBERS} members")
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("an object has two members of one name")
    return members


def _refuse_constant(name: str) -> object:
    raise _Refused(f"{name} is not a JSON number")


def validate(model: type[Model], value: object) -> Model:
    """Raises ValidationFailed with a pointer (RFC 6901) for each field that is to blame."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise ValidationFailed(errors=body_errors(model, error)) from None


def body_errors(
    model: type[BaseModel], error: ValidationError, prefix: tuple[str | int, ...] = ()
) -> list[FieldError]:
    """The first errors of a body, each with its pointer."""
    known = _names(model)
    return [
        FieldError(
            _code(item, "unknown_field"),
            _detail(item),
            pointer=_pointer((*prefix, *item["loc"])),
            suggestion=_suggestion(item, known, number),
        )
        for number, item in enumerate(_told(error))
    ]


def _told(error: ValidationError) -> Sequence[ErrorDetails]:
    return error.errors(include_url=False)[:MAX_ERRORS]


class NoParameters(BaseModel):
    """The query of a call that has none: every parameter is unknown."""

    model_config = ConfigDict(extra="forbid")


def query(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """A dependency that gives the query as `model`: no parameter twice, none that is unknown."""
    known = _names(model)

    async def dependency(request: Request) -> Model:
        pairs = request.query_params.multi_items()
        if len(pairs) > MAX_PARAMETERS:
            many = FieldError("too_long", f"at most {MAX_PARAMETERS} are looked at", parameter="")
            raise ValidationFailed(errors=[many])
        values = dict(pairs)
        times = Counter(name for name, _ in pairs)
        twice = [
            FieldError(
                "duplicate_parameter", "give it once, values separated by commas", parameter=n
            )
            for n in times
            if times[n] > 1
        ]
        if twice:
            raise ValidationFailed(errors=twice)
        try:
            return model.model_validate(values)
        except ValidationError as error:
            raise ValidationFailed(
                errors=[_parameter(item, known, n) for n, item in enumerate(_told(error))]
            ) from None

    return dependency


def _parameter(item: ErrorDetails, known: Collection[str], number: int) -> FieldError:
    return FieldError(
        _code(item, "unknown_parameter"),
        _detail(item),
        parameter=str(item["loc"][0]) if item["loc"] else "",
        suggestion=_suggestion(item, known, number),
    )


def _names(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in model.model_fields.items())


def _code(item: ErrorDetails, unknown: str) -> str:
    return {"missing": "required", "extra_forbidden": unknown}.get(item["type"], item["type"])


def _detail(item: ErrorDetails) -> str:
    """What is wrong, in words of JSON, and never what was sent."""
    message = _DETAILS.get(item["type"], item["msg"].removeprefix("Value error, "))
    return message[:1].lower() + message[1:]


def _suggestion(item: ErrorDetails, known: Collection[str], number: int) -> str | None:
    """A known name near the unknown one, or what a validator put into its context.

    A name is looked for on behalf of the first errors alone: it takes a while.
    """
    if item["type"] == "extra_forbidden":
        if number >= MAX_NEAREST:
            return None
        near = difflib.get_close_matches(str(item["loc"][-1])[:64], known, n=1)
        return near[0] if near else None
    suggestion = item.get("ctx", {}).get("suggestion")
    return suggestion if isinstance(suggestion, str) else None


def _pointer(location: Sequence[str | int]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


_refuse_parameters: Final = query(NoParameters)


async def no_query(request: Request) -> None:
    """For operations without parameters: any one is unknown. Raises ValidationFailed."""
    if request.scope["query_string"]:
        await _refuse_parameters(request)
