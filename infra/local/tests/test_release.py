"""`make rollout` of releases that are no good: one that serves goes on, and what happened is said."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local import bootstrap
from infra.local.failure import Failure
from infra.local.parts import get
from infra.local.process import runs
from infra.local.rollout import rollout
from infra.local.stack import Stack

SERVICE = "expenses"
CODE = bootstrap.ROOT / "services" / SERVICE
# What the environment's Python does for the service, and for nothing else, before the service begins.
PYTHON = f"""#!/bin/sh
[ "$2" = {SERVICE}_service ] || exec {CODE}/.venv/bin/python "$@"
exec {CODE}/.venv/bin/python -c 'import os, runpy, signal, sys, threading
%s
runpy.run_module("{SERVICE}_service", run_name="__main__")'
"""

Break = Callable[[str], None]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    bootstrap.install(bootstrap.RUN, develop=False)
    with Stack(tmp_path_factory.mktemp("release") / "data", port=0) as stack:
        yield stack


@pytest.fixture
def release(stack: Stack, tmp_path: Path) -> Iterator[Break]:
    """Makes the release that is started from now on do this first."""
    as_it_was = stack.place

    def does(fault: str) -> None:
        folder = tmp_path / "services" / SERVICE
        python = folder / ".venv/bin/python"
        python.parent.mkdir(parents=True)
        python.write_text(PYTHON % fault)
        python.chmod(0o700)
        for name in ("src", "migrations", "alembic.ini"):
            (folder / name).symlink_to(CODE / name)
        stack.place = replace(as_it_was, releases={SERVICE: tmp_path})

    yield does
    stack.place = as_it_was


def refused(stack: Stack) -> str:
    with pytest.raises(Failure) as failure:
        rollout(stack, SERVICE, print)
    return str(failure.value)


def the_old_one_serves(stack: Stack, pid: int | None) -> None:
    assert runs(stack.data, SERVICE) == pid
    assert runs(stack.data, f"{SERVICE}-next") is None
    assert stack.spare(SERVICE) is None
    assert stack.ended() is None, "or the runner would end all of it"
    assert get(f"{stack.base_url}/api/v1/{SERVICE}/openapi.json", 5).status == 200


@pytest.mark.parametrize(("fault", "what"), [
    ("threading.Timer(6, lambda: os._exit(3)).start()", "has ended with status 3"),
    ("threading.Timer(6, os.kill, [os.getpid(), signal.SIGSTOP]).start()", "is not ready any more"),
])  # fmt: skip
def test_a_release_that_fails_seconds_after_it_is_ready_is_ended_and_the_old_one_goes_on(
    stack: Stack, release: Break, fault: str, what: str
) -> None:
    before = runs(stack.data, SERVICE)
    release(f'print("the new one begins", file=sys.stderr); {fault}')
    said = refused(stack)
    assert said.startswith(f"{SERVICE}-next {what}; its log ")
    assert said.endswith(f"\nThe old {SERVICE} serves, as before.")
    assert "the new one begins" in said
    the_old_one_serves(stack, before)
