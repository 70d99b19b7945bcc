"""`check.py` finds what would stop a team's routes, or both teams', before it is at a gateway."""

import subprocess
import sys
from pathlib import Path

import pytest
from processes import GATEWAY, edited_copy, traefik_binary

FILES = ["auth.yml", "common.yml", "expenses.yml", "tokens.yml"]
STOPS_EVERYTHING = {
    "no YAML": ("http:\n", "http: [\n"),
    "unknown field": ("http:\n", "http:\n  routerz: {}\n"),
    "no template": ("http:\n", "{{ nonsense }}\nhttp:\n"),
    "template that fails": ("http:\n", '{{ fail "of this file" }}\nhttp:\n'),
}
STOPS_ITS_ROUTE = {
    "no rule": ("Path(`/.well-known/jwks.json`)", "Path(`/.well-known/jwks.json`", "auth-key-set"),
    "no such middleware": ("[data-policy, auth-unreachable]", "[data-policy, absent]", "absent"),
    "no such service": ("      service: auth\n", "      service: absent\n", "absent"),
    "no such parent": ("parentRefs: [public]", "parentRefs: [absent]", "auth-by-token"),
}


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(GATEWAY / "check.py"), str(folder)]
    environment = {"PATH": "/usr/bin:/bin", "TRAEFIK_BIN": traefik_binary()}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_files_as_they_are_pass() -> None:
    done = checked(GATEWAY)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("what", STOPS_EVERYTHING)
def test_a_file_that_would_stop_everything_is_named(tmp_path: Path, file: str, what: str) -> None:
    done = checked(edited_copy(tmp_path, f"dynamic/{file}", STOPS_EVERYTHING[what]))
    assert done.returncode == 1
    assert file in done.stderr


@pytest.mark.parametrize("what", STOPS_ITS_ROUTE)
def test_a_route_that_would_be_left_out_is_named(tmp_path: Path, what: str) -> None:
    old, new, named = STOPS_ITS_ROUTE[what]
    done = checked(edited_copy(tmp_path, "dynamic/auth.yml", (old, new)))
    assert done.returncode == 1
    assert named in done.stderr


def test_a_name_that_the_other_team_has_is_found(tmp_path: Path) -> None:
    done = checked(edited_copy(tmp_path, "dynamic/expenses.yml", ("expenses-entrance:", "auth-key-set:")))
    assert done.returncode == 1
    assert "auth-key-set" in done.stderr
