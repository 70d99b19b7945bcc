"""What the routes cannot tell FastAPI by themselves: bodies, queries, problems, credentials."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel

from expenses_service.problems import MEDIA_TYPE, document

PROBLEM = "Problem"
SECURITY: Mapping[str, Mapping[str, str]] = {
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-ea_access",
        "description": "The access token in its HttpOnly cookie; over http://localhost: ea_access.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token in the Authorization header, in place of the cookie.",
    },
}
SIGNED_IN: Sequence[Mapping[str, Sequence[str]]] = ({"cookie": []}, {"bearer": []})
CODES: Mapping[int, str] = {
    400: "malformed_json",
    401: "not_authenticated",
    403: "cross_site_request",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    410: "resync_required",
    412: "version_conflict",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "validation_error",
    429: "rate_limited",
    500: "internal_error",
    503: "unavailable",
}


def request_body(model: type[BaseModel], media: Sequence[str], example: object) -> dict[str, Any]:
    """For `openapi_extra`: the body that `requests.json_body` reads."""
    schema = _whole(model.model_json_schema())
    content = {kind: {"schema": schema, "example": example} for kind in media}
    return {"requestBody": {"required": True, "content": content}}


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema` with its definitions in their places: a reference would lead out of it."""
    definitions = schema.pop("$defs", {})

    def put_in(part: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(part, list):
            return [put_in(each) for each in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return put_in(definitions[part["$ref"].removeprefix("#/$defs/")])
        return {name: put_in(each) for name, each in part.items()}

    whole: dict[str, Any] = put_in(schema)
    return whole


def query_parameters(model: type[BaseModel]) -> dict[str, Any]:
    """For `openapi_extra`: the parameters that `requests.query` reads."""
    schema = model.model_json_schema()
    required = schema.get("required", [])
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "description": member.get("description", name),
                "schema": _value(member),
                "style": "form",
                "explode": False,
            }
            for name, member in schema.get("properties", {}).items()
        ]
    }


def _value(member: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a parameter's value: it is there or absent, and never null."""
    told = {name: part for name, part in member.items() if name not in {"title", "description"}}
    for option in told.pop("anyOf", []):
        if option != {"type": "null"}:
            told |= option
    if told.get("default", ...) is None:
        del told["default"]
    return told


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses`: the problem documents that an operation can answer with."""
    return {status: _problem_response(status) for status in sorted({*statuses, 500, 503})}


def _problem_response(status: int) -> dict[str, Any]:
    code = CODES[status]
    example = document(status, code, "…", instance="/api/v1/…", request_id="4bf92f3577b34da6")
    content = {
        MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}, "example": example}
    }
    headers: dict[str, Any] = {"X-Request-ID": {"schema": {"type": "string"}}}
    named = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}
    if status in named:
        headers[named[status]] = {"schema": {"type": "string"}}
    return {
        "description": code.replace("_", " ").capitalize(),
        "content": content,
        "headers": headers,
    }


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    member = dict.fromkeys(("code", "detail", "pointer", "parameter", "header", "suggestion"), text)
    errors = {"type": "array", "maxItems": 50, "items": {
        "type": "object", "required": ["code", "detail"], "properties": member}}  # fmt: skip
    names = ("type", "title", "code", "detail", "instance", "request_id")
    return {
        "type": "object",
        "description": "A problem document (RFC 9457); programs switch on `code`.",
        "required": [*names, "status", "errors"],
        "properties": {
            **dict.fromkeys(names, text),
            "status": {"type": "integer"},
            "errors": errors,
        },
    }


def install(app: FastAPI) -> None:
    """Make `app.openapi()` give the whole document, once."""

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                openapi_version="3.1.0",
                routes=app.routes,
            )
            components = schema.setdefault("components", {})
            components["securitySchemes"] = SECURITY
            schemas = components.setdefault("schemas", {})
            schemas[PROBLEM] = _problem_schema()
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            _drop_default_422(schema)
            _put_examples_back(app, schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _drop_default_422(schema: dict[str, Any]) -> None:
    """FastAPI adds its own 422 where an operation has path parameters; ours is a 404 there."""
    for operations in schema["paths"].values():
        for operation in operations.values():
            answer = operation.get("responses", {}).get("422", {})
            if "application/json" in answer.get("content", {}):
                del operation["responses"]["422"]


def _put_examples_back(app: FastAPI, schema: dict[str, Any]) -> None:
    """FastAPI drops every null, also those that examples are about."""
    for route in iter_route_contexts(app.routes):
        if not isinstance(route.original_route, APIRoute) or not route.include_in_schema:
            continue
        for method in route.methods or ():
            operation = schema["paths"][route.path_format][method.lower()]
            for status, answer in route.responses.items():
                _put_back(answer, operation["responses"].get(str(status), {}))
            if "requestBody" in (route.openapi_extra or {}):
                _put_back(route.openapi_extra["requestBody"], operation["requestBody"])


def _put_back(meant: Mapping[str, Any], shown: dict[str, Any]) -> None:
    for media, content in shown.get("content", {}).items():
        if "example" in content:
            content["example"] = meant["content"][media]["example"]


def main() -> None:
    """Write the specification of the routes to standard output: `make openapi`."""
    from expenses_service.app import create_app  # noqa: PLC0415 - the application imports this module
    from expenses_service.settings import Settings  # noqa: PLC0415 - the same

    app = create_app(Settings.model_construct(log_level="warning"))
    json.dump(app.openapi(), sys.stdout, indent=2, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
