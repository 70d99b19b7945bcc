"""The comparison sees each kind of break, and takes nothing else for one."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from specification.compatibility import breaks

THING = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 10, "pattern": "^[a-z]+$"},
        "kind": {"type": "string", "enum": ["a", "b"], "default": "a"},
        "size": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        "more": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
ANSWER = {
    "type": "object",
    "required": ["id", "kind", "parts"],
    "properties": {
        "id": {"type": "string"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "count": {"type": "number"},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Answer"}},
    },
}
DOCUMENT: dict[str, Any] = {
    "paths": {
        "/things": {
            "get": {
                "operationId": "things_list",
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 9}},
                ],
                "responses": {"200": {"headers": {"ETag": {}}, "content": {"application/json": {
                    "schema": {"$ref": "#/components/schemas/Answer"}}}}},
            },
            "post": {
                "operationId": "things_create",
                "security": [{"cookie": []}, {"bearer": []}],
                "requestBody": {"required": True, "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Thing"}},
                    "application/x-ndjson": {},
                }},
                "responses": {
                    "201": {"$ref": "#/components/responses/Made"},
                    "409": {"description": "Taken."},
                },
            },
        },
    },
    "components": {
        "schemas": {"Thing": THING, "Answer": ANSWER},
        "responses": {"Made": {"headers": {"Location": {}}, "content": {}}},
    },
}  # fmt: skip


def at(document: Any, place: str) -> Any:
    for step in place.split("."):
        document = document[int(step) if isinstance(document, list) else step.replace("~", "/")]
    return document


def become(place: str, name: str, value: Any) -> Callable[[Any], None]:
    return lambda document: at(document, place).__setitem__(name, value)


def drop(place: str, name: str) -> Callable[[Any], None]:
    return lambda document: at(document, place).__delitem__(name)


GET = "paths.~things.get"
POST = "paths.~things.post"
TAKEN = "components.schemas.Thing"
GIVEN = "components.schemas.Answer"
NAME = f"{TAKEN}.properties.name"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (drop("paths", "/things"), "/things: the path is gone"),
        (drop("paths.~things", "post"), "POST /things: the operation is gone"),
        (become(GET, "operationId", "list"), "GET /things: the operationId is another"),
        (become(GET, "security", [{"cookie": []}]), "nobody is not let in any more"),
        (become(POST, "security", [{"cookie": []}]), "bearer is not let in any more"),
        (become(POST, "security", [{"cookie": [], "bearer": []}]), "cookie is not let in any more"),
        (become(GET, "parameters", []), "query limit is gone"),
        (become(f"{GET}.parameters.0", "required", value=True), "query limit is required"),
        (become(f"{GET}.parameters.0", "explode", value=False), "written in another way"),
        (become(f"{GET}.parameters.0.schema", "maximum", 8), "maximum 8, not 9"),
        (become(f"{GET}.parameters.0.schema", "minimum", 1), "minimum 1, not None"),
        (become(f"{GET}.parameters.0.schema", "type", "string"), "integer in place of string"),
        (become(GET, "requestBody", {"required": True, "content": {}}), "a body is required"),
        (drop(POST, "requestBody"), "takes no body any more"),
        (drop(f"{POST}.requestBody.content", "application/x-ndjson"), "takes no application/x-ndjson"),
        (become(TAKEN, "required", ["name", "kind"]), "body: kind is required"),
        (drop(f"{TAKEN}.properties", "tags"), "body: tags is not known"),
        (become(NAME, "maxLength", 9), "body/name: maxLength 9, not 10"),
        (become(NAME, "minLength", 2), "body/name: minLength 2, not 1"),
        (become(NAME, "pattern", "^[a-y]+$"), "body/name: another pattern"),
        (become(NAME, "format", "email"), "body/name: another format"),
        (become(f"{TAKEN}.properties.kind", "enum", ["a"]), "body/kind: 'b' is no value"),
        (become(f"{TAKEN}.properties.kind", "default", "b"), "body/kind: the default is another"),
        (become(NAME, "enum", ["a"]), "more than the values of an enumeration"),
        (become(f"{TAKEN}.properties", "size", {"type": "integer"}), "body/size: null in place of integer"),
        (become(f"{TAKEN}.properties.tags", "items", {"type": "integer"}), "body/tags[]: string in place"),
        (
            become(f"{TAKEN}.properties.more", "additionalProperties", value=False),
            "other members are not allowed",
        ),
        (become(f"{TAKEN}.properties.more", "additionalProperties", {"type": "integer"}), "body/more/*"),
        (become(TAKEN, "dependentRequired", {"kind": ["size"]}), "body: another dependentRequired"),
        (drop(f"{POST}.responses", "409"), "POST /things: 409 is gone"),
        (drop("components.responses.Made.headers", "Location"), "201 has no Location any more"),
        (drop(f"{GET}.responses.200.headers", "ETag"), "200 has no ETag any more"),
        (become(f"{GET}.responses.200", "content", {"text/csv": {}}), "200 has no application/json"),
        (become(GIVEN, "required", ["id", "parts"]), "200: kind is required"),
        (drop(f"{GIVEN}.properties", "note"), "200/note: anything in place of"),
        (become(f"{GIVEN}.properties", "id", {"type": "integer"}), "200/id: integer in place of string"),
        (
            become(f"{GIVEN}.properties", "id", {"anyOf": [{"type": "string"}, {"type": "null"}]}),
            "200/id: null",
        ),
        (become(f"{GIVEN}.properties.kind", "enum", ["a", "b", "c"]), "200/kind: 'c' is no value"),
    ],
)
def test_a_break_is_seen(change: Callable[[Any], None], sentence: str) -> None:
    later = copy.deepcopy(DOCUMENT)
    change(later)
    assert any(sentence in found for found in breaks(DOCUMENT, later)), breaks(DOCUMENT, later)


@pytest.mark.parametrize(
    "change",
    [
        become("paths.~things.get", "summary", "All of them."),
        become("paths", "/others", {"get": {}}),
        become("paths.~things", "delete", {}),
        become(f"{GET}.parameters.0.schema", "maximum", 10),
        become(f"{GET}.parameters.0", "description", "How many."),
        lambda document: at(document, f"{GET}.parameters").append(
            {"name": "sort", "in": "query", "schema": {"type": "string"}}
        ),
        become(POST, "security", [{"cookie": []}, {"bearer": []}, {"key": []}]),
        become(POST, "security", [{}]),
        become(f"{POST}.requestBody.content", "text/csv", {}),
        become(f"{TAKEN}.properties", "colour", {"type": "string"}),
        become(TAKEN, "required", []),
        become(NAME, "maxLength", 11),
        drop(NAME, "pattern"),
        become(f"{TAKEN}.properties.kind", "enum", ["a", "b", "c"]),
        become(f"{TAKEN}.properties.tags", "items", {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        become(f"{TAKEN}.properties.more", "additionalProperties", value=True),
        become(f"{POST}.responses", "410", {"description": "Gone."}),
        become(f"{GET}.responses.200.headers", "Link", {}),
        become(f"{GIVEN}.properties", "colour", {"type": "string"}),
        become(GIVEN, "required", ["id", "kind", "parts", "count"]),
        become(f"{GIVEN}.properties", "note", {"type": "string"}),
        become(f"{GIVEN}.properties", "count", {"type": "integer"}),
        become(f"{GIVEN}.properties.kind", "enum", ["a"]),
        become(f"{GIVEN}.properties.id", "pattern", "^x$"),
    ],
)
def test_what_is_no_break_is_none(change: Callable[[Any], None]) -> None:
    later = copy.deepcopy(DOCUMENT)
    change(later)
    assert breaks(DOCUMENT, later) == []
