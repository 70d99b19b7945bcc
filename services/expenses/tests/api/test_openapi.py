"""The specification is what the routes are, and changes on purpose only."""

import json

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from tests.postgres import ROOT


def test_the_snapshot_is_the_specification(app: FastAPI) -> None:
    snapshot = json.loads((ROOT / "openapi.json").read_text())
    assert app.openapi() == snapshot, "run `make openapi` if this change is meant"


def test_every_operation_tells_its_answers(app: FastAPI) -> None:
    document = app.openapi()
    assert document["openapi"].startswith("3.1")
    seen = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["operationId"] not in seen
            seen.add(operation["operationId"])
            assert len(operation["tags"]) == 1, path
            problems = {s: a for s, a in operation["responses"].items() if int(s) >= 400}
            assert {"500", "503"} <= problems.keys(), path
            for answer in problems.values():
                assert list(answer["content"]) == ["application/problem+json"], (path, method)
            if method in {"post", "patch"} and "requestBody" in operation:
                for content in operation["requestBody"]["content"].values():
                    assert "example" in content or "examples" in content, path


def test_examples_are_answers_and_bodies_as_they_are(app: FastAPI) -> None:
    """Each has every field, those that are null too."""
    shown = 0
    for route in iter_route_contexts(app.routes):
        if not isinstance(route.original_route, APIRoute) or not route.include_in_schema:
            continue
        operation = app.openapi()["paths"][route.path_format][min(route.methods or ()).lower()]
        for status, answer in operation["responses"].items():
            example = answer.get("content", {}).get("application/json", {}).get("example")
            if example is not None and route.response_model is not None:
                model = route.response_model
                assert model.model_validate_json(json.dumps(example)), (route.path, status)
                shown += 1
    patch = app.openapi()["paths"]["/api/v1/expenses/{expense_id}"]["patch"]["requestBody"]
    assert patch["content"]["application/json"]["example"] == {"amount": "13.00", "notes": None}
    assert shown > 8
