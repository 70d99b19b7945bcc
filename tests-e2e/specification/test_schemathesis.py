"""schemathesis finds nothing: each service is what its specification says, called through the gateway."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors import AUTH, EXPENSES, Person, new_client

HERE = Path(__file__).parent
CATEGORIES = "/api/v1/categories"
# For the random calls, a quarter of it for each kind at each service. Examples and boundaries come first, as
# many as there are.
SECONDS = int(os.environ.get("SCHEMATHESIS_SECONDS", "24"))
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "1"))
ALL_OF_THEM = "--phases=examples,coverage"
RANDOM = ("--phases=fuzzing", "--phases=stateful")
# What erases all of a person's data is called with the boundaries alone: at random it would leave nothing to
# call the others with.
BOUNDED = (f"--max-time={SECONDS // 4}", "--exclude-operation-id=expenses_erase")
HANGS_SECONDS = 400 + SECONDS


def run(location: str, service: str, folder: Path, *options: str, people: str = "") -> str:
    """What schemathesis says of what it tried; fails with it when that finds anything."""
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        f"--config-file={HERE / service}.toml",
        *("run", location, "--checks=all", "--no-color", f"--seed={SEED}", *options),
    ]
    hooks = {"auth": "signed_in.py", "expenses": "hooks.py"}[service]
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": str(HERE / hooks),
            "PYTHONPATH": str(HERE.parent),
            "PEOPLE": people,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=HANGS_SECONDS,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout


def tried(report: str) -> tuple[int, int]:
    """How many operations there are, and how many were called."""
    found = re.search(r"Selected: ([0-9]+)/\1\n +Tested: ([0-9]+)\n", report)
    assert found, report
    return int(found[1]), int(found[2])


def token_of(somebody: Person) -> str:
    form = {"name": "schemathesis", "scopes": ["expenses:read", "expenses:write"]}
    answer = somebody.client.post(f"{AUTH}/tokens", json=form)
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["token"]
    return token


@pytest.fixture
def people(person: Callable[..., Person], tmp_path: Path) -> str:
    """A file with two people and their tokens, as Web Fuzzing Commons writes them down."""
    tokens = {name: token_of(person()) for name in ("ada", "bob")}
    known = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token}"}]}
        for name, token in tokens.items()
    ]
    file = tmp_path / "people.json"
    file.write_text(json.dumps({"auth": known}))
    return str(file)


def test_expenses(base_url: str, people: str, tmp_path: Path) -> None:
    url = f"{base_url}{EXPENSES}/openapi.json"
    there, called = tried(run(url, "expenses", tmp_path, ALL_OF_THEM, people=people))
    assert there == called > 15
    for phase in RANDOM:
        run(url, "expenses", tmp_path, phase, *BOUNDED, people=people)


@pytest.mark.own_stack  # it signs in wrongly more often than a stack with its own limits lets it
def test_auth(base_url: str, tmp_path: Path) -> None:
    url = f"{base_url}{AUTH}/openapi.json"
    there, called = tried(run(url, "auth", tmp_path, ALL_OF_THEM))
    assert there == called > 15
    for phase in RANDOM:
        run(url, "auth", tmp_path, phase, *BOUNDED)


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda answers: answers.pop("200"), "Undocumented status code"),
        (lambda answers: answers["200"].update(content={"text/csv": {}}), "Undocumented Content-Type"),
        (lambda answers: answers["200"]["headers"].update({"X-New": {"required": True}}), "Missing required"),
    ],
)
def test_an_untrue_specification_is_found_out(
    base_url: str, people: str, tmp_path: Path, spoil: Callable[[Any], object], found: str
) -> None:
    document = new_client(base_url).get(f"{EXPENSES}/openapi.json").json()
    spoil(document["paths"][CATEGORIES]["get"]["responses"])
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    options = (f"--url={base_url}", f"--include-path={CATEGORIES}", ALL_OF_THEM)
    with pytest.raises(AssertionError, match=found):
        run(str(file), "expenses", tmp_path, *options, people=people)
