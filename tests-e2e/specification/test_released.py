"""No client of the last release breaks: each specification against the one that was released."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.local.bootstrap import ROOT
from specification.compatibility import breaks

SERVICES = ("auth", "expenses")
# Breaks on purpose: the sentence, and why no client is hurt. They go with the next release.
INTENDED: dict[str, dict[str, str]] = {"auth": {}, "expenses": {}}


def released(service: str) -> Path:
    """The last one; a release adds its own (CONTRIBUTING.md)."""

    def version(file: Path) -> tuple[int, ...]:
        return tuple(map(int, re.findall("[0-9]+", file.stem)))

    return max((ROOT / "services" / service / "released").glob("openapi-*.json"), key=version)


def document(file: Path) -> Any:
    return json.loads(file.read_text())


@pytest.mark.parametrize("service", SERVICES)
def test_what_was_released_still_holds(service: str) -> None:
    now = document(ROOT / "services" / service / "openapi.json")
    found = breaks(document(released(service)), now)
    assert sorted(found) == sorted(INTENDED[service])


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_of_the_release_is_compared(service: str) -> None:
    before = document(released(service))
    sentences = breaks(before, {"paths": {}, "components": {}})
    assert sentences == sorted(f"{path}: the path is gone" for path in before["paths"])
