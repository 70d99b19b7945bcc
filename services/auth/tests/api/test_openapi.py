"""The specification is what the routes are, and changes on purpose only."""

import json
import re
import subprocess
import sys

from fastapi import FastAPI

from auth_service.app import create_app
from auth_service.headers import EVERYWHERE
from auth_service.settings import Settings
from tests.declared import resolved
from tests.postgres import ROOT


def test_the_snapshot_is_the_specification_and_is_written_without_any_server() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "auth_service.openapi"],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (ROOT / "openapi.json").read_text(), "run `make openapi` if this is meant"


def test_it_names_the_cookie_of_the_profile(app: FastAPI, settings: Settings) -> None:
    https = create_app(settings.model_copy(update={"public_origin": "https://example.com"}))
    names = [
        [each.openapi()["components"]["securitySchemes"][scheme]["name"] for each in (app, https)]
        for scheme in ("cookie", "refresh")
    ]
    assert names == [["ea_access", "__Host-ea_access"], ["ea_refresh", "__Secure-ea_refresh"]]


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
            is_public = {} in operation.get("security", [{}])
            assert {401, 403} <= answers.keys() or is_public, path
            assert 415 in answers or "requestBody" not in operation, path
            for status, answer in answers.items():
                assert set(EVERYWHERE) <= answer["headers"].keys(), (path, method, status)
                if status >= 400:
                    kinds = {"application/problem+json", "text/plain"}
                    assert set(answer["content"]) <= kinds, (path, method, status)
            if "requestBody" in operation:
                for content in operation["requestBody"]["content"].values():
                    assert "example" in content or "examples" in content, path


def test_every_reference_leads_somewhere(app: FastAPI) -> None:
    document = app.openapi()
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)))
    assert all(resolved(document, {"$ref": reference}) for reference in references)
    assert len(references) > 30
