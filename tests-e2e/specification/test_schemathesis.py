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
# Half of it is for each service; examples and boundaries come first, and what is left is for random calls.
SECONDS = int(os.environ.get("SCHEMATHESIS_SECONDS", "50"))
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "1"))


def people(person: Callable[..., Person]) -> dict[str, object]:
    """Two people with personal access tokens, as Web Fuzzing Commons writes them down."""
    return {
        "auth": [
            {
                "name": name,
                "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token_of(person())}"}],
            }
            for name in ("ada", "bob")
        ]
    }


def token_of(somebody: Person) -> str:
    form = {"name": "schemathesis", "scopes": ["expenses:read", "expenses:write"]}
    answer = somebody.client.post(f"{AUTH}/tokens", json=form)
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["token"]
    return token


def run(location: str, service: str, folder: Path, *more: str, **environment: str) -> str:
    """What schemathesis says of all that it tried; fails with it when that finds anything.

    With hooks.py everywhere; who calls auth is in signed_in.py.
    """
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        f"--config-file={HERE / service}.toml",
        *("run", location, "--checks=all", "--no-color"),
        *(f"--seed={SEED}", f"--max-time={SECONDS // 2}"),
        *more,
    ]
    hooks = {"auth": "signed_in.py", "expenses": "hooks.py"}[service]
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": str(HERE / hooks),
            "PYTHONPATH": str(HERE.parent),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS + 120,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout


def tried(report: str) -> tuple[int, int]:
    """How many operations there are, and how many were called."""
    found = re.search(r"Selected: ([0-9]+)/\1\n +Tested: ([0-9]+)\n", report)
    assert found, report
    return int(found[1]), int(found[2])


@pytest.fixture
def known(person: Callable[..., Person], tmp_path: Path) -> str:
    """The file with the two people who call expenses."""
    file = tmp_path / "people.json"
    file.write_text(json.dumps(people(person)))
    return str(file)


def test_expenses(base_url: str, known: str, tmp_path: Path) -> None:
    report = run(f"{base_url}{EXPENSES}/openapi.json", "expenses", tmp_path, PEOPLE=known)
    there, called = tried(report)
    assert there == called > 15


@pytest.mark.own_stack  # it signs in wrongly more often than a stack with its own limits lets it
def test_auth(base_url: str, tmp_path: Path) -> None:
    there, called = tried(run(f"{base_url}{AUTH}/openapi.json", "auth", tmp_path))
    assert there == called > 15


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda answers: answers.pop("404"), "Undocumented HTTP status code"),
        (lambda answers: answers["200"]["content"].pop("application/json"), "Undocumented Content-Type"),
        (lambda answers: answers["200"]["headers"].update({"X-New": {"required": True}}), "Missing required"),
    ],
)
def test_an_untrue_specification_is_found_out(
    base_url: str, known: str, tmp_path: Path, spoil: Callable[[Any], object], found: str
) -> None:
    document = new_client(base_url).get(f"{EXPENSES}/openapi.json").json()
    spoil(document["paths"][f"{EXPENSES}/{{expense_id}}"]["get"]["responses"])
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    some = ("--url", base_url, "--include-tag=expenses", "--phases=examples,coverage")
    with pytest.raises(AssertionError, match=found):
        run(str(file), "expenses", tmp_path, *some, PEOPLE=known)
