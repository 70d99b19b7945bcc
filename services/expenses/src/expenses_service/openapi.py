"""What the routes cannot tell FastAPI by themselves: bodies, queries, problems, credentials."""

import json
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel

from expenses_service import answers
from expenses_service.cookies import access_cookie
from expenses_service.requests import JSON

HTTPS = "https://expenses.example.com"  # the profile that the snapshot is of
COMPONENT = "#/components/schemas/{model}"
SIGNED_IN: Sequence[Mapping[str, Sequence[str]]] = ({"cookie": []}, {"bearer": []})


def request_body(model: type[BaseModel], media: Sequence[str], example: object) -> dict[str, Any]:
    """For `openapi_extra`: the body that `requests.json_body` reads."""
    whole = model.model_json_schema(ref_template=COMPONENT)
    named = whole.pop("$defs", {}) | {model.__name__: whole}
    schema = {"$ref": COMPONENT.format(model=model.__name__), "$defs": named}
    content = {kind: {"schema": schema, "example": example} for kind in media}
    return {"requestBody": {"required": True, "content": content}}


def query_parameters(model: type[BaseModel]) -> dict[str, Any]:
    """For `openapi_extra`: the parameters that `requests.query` reads."""
    schema = model.model_json_schema(ref_template=COMPONENT)
    required = schema.get("required", [])
    named = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "description": member.get("description", name),
                "schema": _value(member) | named,
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


def answer(
    description: str,
    example: object,
    *headers: str,
    links: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, Any]:
    """For `responses`: a good answer in JSON.

    `headers` are those that do not follow from what the operation is, `links` the calls that go on
    from the answer.
    """
    told = {"headers": {name: {} for name in headers}, "links": dict(links)}
    content = {JSON[0]: {"example": example}}
    return {"description": description, "content": content} | {k: v for k, v in told.items() if v}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses`: what an operation can answer with beside what all of its kind can."""
    return {status: {"description": answers.ERRORS[status].description} for status in statuses}


def install(app: FastAPI, *, secure: bool) -> None:
    """Make `app.openapi()` give the whole document, once."""

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, secure=secure)
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _document(app: FastAPI, *, secure: bool) -> dict[str, Any]:
    document: dict[str, Any] = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        openapi_version="3.1.0",
        routes=app.routes,
    )
    _drop_default_422(document)
    _put_examples_back(app, document)
    components = document.setdefault("components", {})
    components |= answers.components()
    components["securitySchemes"] = _security(access_cookie(secure=secure))
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas[answers.PROBLEM] = answers.PROBLEM_SCHEMA
    for operations in document["paths"].values():
        for operation in operations.values():
            answers.complete(operation)
    document["paths"] = _without_definitions(document["paths"], schemas)
    return document


def _security(cookie: str) -> dict[str, dict[str, str]]:
    return {
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": cookie,
            "description": "The access token in its HttpOnly cookie.",
        },
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access token in the Authorization header, in place of the cookie.",
        },
    }


def _without_definitions(node: Any, schemas: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """`node`; the schemas that it defines for itself are moved to `schemas`."""
    if isinstance(node, list):
        return [_without_definitions(each, schemas) for each in node]
    if not isinstance(node, dict):
        return node
    rest = {name: _without_definitions(value, schemas) for name, value in node.items()}
    schemas |= rest.pop("$defs", {})
    return rest


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

    app = create_app(Settings.model_construct(log_level="warning", public_origin=HTTPS))
    json.dump(app.openapi(), sys.stdout, indent=2, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
