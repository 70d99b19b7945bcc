"""Operator commands on a stack that runs here, as a library and as a person types them."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from infra.demo.seed import Client
from infra.local import bootstrap
from infra.local.failure import Failure
from infra.local.operate import find
from infra.local.page import DEMO_EMAIL
from infra.local.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    bootstrap.install(bootstrap.RUN, develop=False)
    with Stack(tmp_path_factory.mktemp("operate") / "data", port=0) as stack:
        yield stack


def typed(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=bootstrap.ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def operate(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return typed(sys.executable, "-m", "infra.local.operate", "--data", str(data), *arguments)


def test_a_running_stack_is_found_and_operated(stack: Stack) -> None:
    done = stack.operate("auth", "keys-rotate")
    assert done.returncode == 0, done.stderr
    signs = done.stdout.splitlines()[-2].split()[0]
    done = typed("make", "--no-print-directory", "keys-rotate", f"DATA={stack.data}")
    assert done.returncode == 0, done.stderr
    assert f"{signs} has stopped" in done.stdout


def test_the_command_s_own_status_and_words_come_back(stack: Stack) -> None:
    for done in (stack.operate("auth", "keys-burn"), operate(stack.data, "auth", "keys-burn")):
        assert done.returncode == 2
        assert "keys-rotate" in done.stderr
    done = operate(stack.data, "auth", "--help")
    assert done.returncode == 0
    assert "keys-rotate" in done.stdout


def test_the_ports_are_for_their_owner_alone(stack: Stack) -> None:
    file = stack.data / "run/place.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text()) == {"ports": stack.place.ports, "tls": False}


def test_where_nothing_runs_it_says_so(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    os.link(stack.data / "run/place.json", tmp_path / "run/place.json")  # as a killed stack leaves it
    (tmp_path / "run/lock").write_text("1")
    for folder in (tmp_path, tmp_path / "absent"):
        done = operate(folder, "auth", "keys-rotate")
        assert done.returncode == 1
        assert done.stderr.startswith(f"Nothing runs on {folder}: ")
        assert done.stderr.count("\n") == 1


def test_a_stack_that_does_not_tell_its_ports_is_told_from_one_that_does_not_run(stack: Stack) -> None:
    file = stack.data / "run/place.json"
    kept = file.read_bytes()
    file.unlink()
    try:
        done = operate(stack.data, "auth", "keys-rotate")
    finally:
        file.write_bytes(kept)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{file} does not tell where the stack's parts listen: ")
    assert done.stderr.count("\n") == 1


def test_an_account_is_disabled_enabled_and_reset(stack: Stack) -> None:
    def account(verb: str, email: str) -> subprocess.CompletedProcess[str]:
        return typed("make", "--no-print-directory", verb, f"EMAIL={email}", f"DATA={stack.data}")

    def post(path: str, form: dict[str, str]) -> int:
        request = urllib.request.Request(
            f"{stack.base_url}/api/v1/auth/{path}",
            json.dumps(form).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    form = {"email": "o'hara+mail@example.com", "password": "plums, velvet and 42 orbits"}
    assert post("register", form) == 201
    done = account("user-disable", form["email"])
    assert (done.returncode, done.stderr) == (0, "")
    assert post("login", form) == 401
    done = account("user-enable", form["email"])
    assert (done.returncode, done.stderr) == (0, "")
    assert post("login", form) == 200
    done = account("user-reset", form["email"])
    assert (done.returncode, done.stderr) == (0, "")
    once = form | {"password": done.stdout.splitlines()[1].strip()}
    assert [post("login", form), post("login", once), post("login", once)] == [401, 200, 401]


def test_a_demonstrations_user_that_somebody_has_changed_stops_nobody_from_starting(stack: Stack) -> None:
    seed = [sys.executable, str(bootstrap.ROOT / "infra/demo/seed.py"), "--quiet"]
    seed += ["--auth", stack.base_url, "--expenses", stack.base_url]
    done = typed(*seed)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert stack.operate("auth", "user-disable", DEMO_EMAIL).returncode == 0
    done = typed(*seed)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("The demo login does not work (")
    assert stack.operate("auth", "user-enable", DEMO_EMAIL).returncode == 0
    assert stack.operate("auth", "user-reset", DEMO_EMAIL).returncode == 0
    assert typed(*seed).stdout == done.stdout
    asked_for = typed("make", "--no-print-directory", "seed", f"BASE_URL={stack.base_url}")
    assert asked_for.returncode != 0, "who asks for it has not got it"
    assert asked_for.stderr.startswith(done.stdout)
    form = {"email": DEMO_EMAIL, "password": "another than theirs"}
    with closing(Client(stack.base_url)) as client:
        assert 429 in (client.post("/api/v1/auth/login", form)[0] for _ in range(20))
    done = typed(*seed)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Too many have tried to sign in as {DEMO_EMAIL}")


def test_a_stack_that_is_another_users_is_not_said_not_to_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o000)
    before = os.geteuid()
    os.seteuid(before or 65534)  # root reads everything
    try:
        with pytest.raises(Failure, match=r"run/lock cannot be read \(Permission denied\)"):
            find(tmp_path)
    finally:
        os.seteuid(before)


def test_an_account_that_nobody_has_is_told_in_a_sentence(stack: Stack) -> None:
    for verb in ("user-disable", "user-enable", "user-reset"):
        done = stack.operate("auth", verb, "nobody@example.com")
        assert done.returncode == 1
        assert done.stderr == "Nobody has the address nobody@example.com.\n"
        done = typed("make", "--no-print-directory", verb, f"DATA={stack.data}")
        assert done.returncode == 2
        assert f"make {verb} EMAIL=" in done.stderr


def test_the_data_of_closed_accounts_is_erased(stack: Stack) -> None:
    def make(**variables: str) -> subprocess.CompletedProcess[str]:
        settings = [f"{name}={value}" for name, value in (variables | {"DATA": str(stack.data)}).items()]
        return typed("make", "--no-print-directory", "user-data-erase", *settings)

    demo = stack.operate("expenses", "user-list").stdout.split()
    absent = "01900000-0000-7000-8000-00000000dead"
    done = make(USER_ID=" ".join([absent, *demo]))
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [absent, *demo]
    assert stack.operate("expenses", "user-list").stdout == ""
    done = make(USER_ID="ada@example.com")
    assert done.returncode != 0
    assert "ada@example.com is no id of a user" in done.stderr
    done = make()
    assert done.returncode == 2
    assert "make user-data-erase USER_ID=" in done.stderr
