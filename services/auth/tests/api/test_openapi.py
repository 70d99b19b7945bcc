"""The specification is what the routes are, and changes on purpose only."""

import json
import subprocess
import sys

from fastapi import FastAPI

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


def test_it_is_written_without_any_server() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "auth_service.openapi"],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (ROOT / "openapi.json").read_text()
