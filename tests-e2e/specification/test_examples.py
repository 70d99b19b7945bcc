"""Every example of both specifications is valid by the schema that it stands beside."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from actors import AUTH, EXPENSES, new_client

WHOLE = "urn:specification"
# What the formats of the documents need, without packages of their own.
FORMATS = FormatChecker(["date", "email", "uuid"])


def examples(node: Any, pointer: str = "") -> Iterator[tuple[str, str, Any]]:
    """Where each is, the pointer to its schema, and the example."""
    if isinstance(node, list):
        for index, part in enumerate(node):
            yield from examples(part, f"{pointer}/{index}")
        return
    if not isinstance(node, dict):
        return
    if "schema" in node and "example" in node:  # a media type, a parameter, a header
        yield f"{pointer}/example", f"{pointer}/schema", node["example"]
    elif isinstance(node.get("examples"), list):  # a schema
        for index, example in enumerate(node["examples"]):
            yield f"{pointer}/examples/{index}", pointer, example
    for name, part in node.items():
        if name not in {"example", "examples", "default"}:
            yield from examples(part, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")


def errors_of(document: Any) -> tuple[list[str], int]:
    """A sentence for each example that is not valid, and how many there are in all."""
    registry = Registry[Any]().with_resource(WHOLE, DRAFT202012.create_resource(document))
    errors, count = [], 0
    for place, schema, example in examples(document):
        fragment = schema.replace("{", "%7B").replace("}", "%7D")
        validator = Draft202012Validator(
            {"$ref": f"{WHOLE}#{fragment}"}, registry=registry, format_checker=FORMATS
        )
        errors += [f"{place}: {error.message}" for error in validator.iter_errors(example)]
        count += 1
    return errors, count


@pytest.fixture(params=[AUTH, EXPENSES])
def document(request: pytest.FixtureRequest, base_url: str) -> Any:
    return new_client(base_url).get(f"{request.param}/openapi.json").json()


def test_every_example_is_valid(document: Any) -> None:
    errors, count = errors_of(document)
    assert errors == []
    assert count > 20


def test_every_body_and_every_good_answer_with_a_body_has_one(document: Any) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            bodies = [operation.get("requestBody", {})]
            bodies += [answer for answer in operation["responses"].values() if "$ref" not in answer]
            for body in bodies:
                for media, content in body.get("content", {}).items():
                    assert "example" in content, f"{method} {path}: {media}"


def test_an_example_that_is_not_valid_is_seen() -> None:
    schema = {"type": "string", "format": "date", "examples": ["2026-05-31", "31 May"]}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Day"}, "example": 7}}
    document = {
        "paths": {"/days/{day}": {"get": {"responses": {"200": {"content": content}}}}},
        "components": {"schemas": {"Day": schema}},
    }
    errors, count = errors_of(document)
    assert count == 3
    assert [error.partition(": ")[2] for error in errors] == [
        "7 is not of type 'string'",
        "'31 May' is not a 'date'",
    ]
