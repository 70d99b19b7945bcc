"""Models that refuse: what pydantic finds, in the words and codes of the API."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from expenses_service.errors import MAX_ERRORS, FieldError, ValidationFailed

MAX_NEAREST: Final = 10
Model = TypeVar("Model", bound=BaseModel)


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
    return [
        FieldError(
            _code(item, "unknown_field"),
            _detail(item),
            pointer=_pointer((*prefix, *_place(item))),
            suggestion=_suggestion(item, _names(_holder(model, item["loc"])), number),
        )
        for number, item in enumerate(_told(error))
    ]


def validate_parameters(model: type[Model], values: Mapping[str, str]) -> Model:
    """Raises ValidationFailed with the name of each parameter that is to blame."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ValidationFailed(errors=_parameter_errors(model, error)) from None


def _parameter_errors(model: type[BaseModel], error: ValidationError) -> list[FieldError]:
    known = _names(model)
    return [
        FieldError(
            _code(item, "unknown_parameter"),
            _detail(item),
            parameter=str(item["loc"][0]) if item["loc"] else "",
            suggestion=_suggestion(item, known, number),
        )
        for number, item in enumerate(_told(error))
    ]


def _told(error: ValidationError) -> Sequence[ErrorDetails]:
    return error.errors(include_url=False)[:MAX_ERRORS]


def _names(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in model.model_fields.items())


def _holder(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel]:
    """The innermost model within `model` that holds what `location` names."""
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type(BaseModel)):
            break
        model = field.annotation
    return model


def _code(item: ErrorDetails, unknown: str) -> str:
    return {"missing": "required", "extra_forbidden": unknown}.get(item["type"], item["type"])


def _detail(item: ErrorDetails) -> str:
    """What is wrong and never what was sent."""
    if item["type"] == "extra_forbidden":
        return "is not known here"
    if item["type"] == "missing":
        return "is required"
    if item["type"] in {"model_type", "dict_type"}:
        return "must be a JSON object"
    message = item["msg"].removeprefix("Value error, ")
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


def _place(item: ErrorDetails) -> tuple[str | int, ...]:
    """Where the error is; of a member's name pydantic says `[key]` below it, which is nowhere."""
    location = item["loc"]
    return location[:-1] if location[-2:] == (item["input"], "[key]") else location


def _pointer(location: Sequence[str | int]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)
