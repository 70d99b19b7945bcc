"""The specification is what the routes are, and changes on purpose only."""

import json
import re
import subprocess
import sys

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from expenses_service.app import create_app
from expenses_service.headers import EVERYWHERE
from expenses_service.settings import Settings
from tests.declared import resolved
from tests.postgres import ROOT


def test_the_snapshot_is_the_specification_and_is_written_without_any_server() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "expenses_service.openapi"],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (ROOT / "openapi.json").read_text(), "run `make openapi` if this is meant"


def test_it_names_the_cookie_of_the_profile(app: FastAPI, settings: Settings) -> None:
    https = create_app(settings.model_copy(update={"public_origin": "https://example.com"}))
    names = [
        each.openapi()["components"]["securitySchemes"]["cookie"]["name"] for each in (app, https)
    ]
    assert names == ["ea_access", "__Host-ea_access"]


def test_every_operation_tells_its_answers(app: FastAPI) -> None:
    document = app.openapi()
    assert document["openapi"].startswith("3.1")
    seen = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["operationId"] not in seen
            seen.add(operation["operationId"])
            assert len(operation["tags"]) == 1, path
            answers = {int(s): resolved(document, a) for s, a in operation["responses"].items()}
            assert {400, 413, 422, 429, 500, 502, 503, 504} <= answers.keys(), path
            assert {401, 403} <= answers.keys() or "security" not in operation, path
            assert 415 in answers or "requestBody" not in operation, path
            for status, answer in answers.items():
                assert set(EVERYWHERE) <= answer["headers"].keys(), (path, method, status)
                if status >= 400:
                    kinds = {"application/problem+json", "text/plain"}
                    assert set(answer["content"]) <= kinds, (path, method, status)
            if "requestBody" in operation:
                for content in operation["requestBody"]["content"].values():
                    assert "example" in content or "examples" in content, path


def test_limits_are_in_the_words_of_json_schema(app: FastAPI) -> None:
    """Pydantic has others, which it leaves where it does not know what they are of."""
    names = set(re.findall(r'"(\w+)":', json.dumps(app.openapi()["components"]["schemas"])))
    assert names >= {"minimum", "maximum", "maxLength", "pattern"}
    assert not names & {"ge", "gt", "le", "lt", "max_length", "min_length", "multiple_of"}


def test_every_reference_leads_somewhere(app: FastAPI) -> None:
    document = app.openapi()
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)))
    assert all(resolved(document, {"$ref": reference}) for reference in references)
    assert len(references) > 30


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
