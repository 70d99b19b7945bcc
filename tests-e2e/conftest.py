"""The stack that the tests drive: the one that BASE_URL names, or one of their own."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

import declared
from actors import Person, close_clients
from infra.local import bootstrap
from infra.local.stack import Stack

ROTATION_SECONDS = 10.0
# Everybody here comes from one address; the limits themselves are tested from others. A password takes
# 15 ms in place of 100, since more than a thousand are checked here.
SETTINGS = {
    "AUTH_ARGON2_MEMORY_KIB": "8192",
    "AUTH_ROTATION_INTERVAL_SECONDS": str(ROTATION_SECONDS),
    "AUTH_THROTTLE_ADDRESS_FAILURES": "200",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The logs last, when all has been written to them. Against somebody else's stack, leave out what
    would stop its parts or needs short times."""
    items.sort(key=lambda item: item.path.parent.name == "logs")
    if not os.environ.get("BASE_URL"):
        return
    own = [item for item in items if item.get_closest_marker("own_stack")]
    config.hook.pytest_deselected(items=own)
    items[:] = [item for item in items if item not in own]
    print(f"BASE_URL is set: {len(own)} tests that need a stack of their own are left out.")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A whole stack in a temporary folder, on free ports, with demo data."""
    bootstrap.install(bootstrap.RUN, develop=False)
    os.environ |= SETTINGS
    data = Path(tempfile.mkdtemp(prefix="e2e-"))
    try:
        with Stack(data, port=0, demo=True) as stack:
            yield stack
    finally:
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="session")
def base_url(request: pytest.FixtureRequest) -> str:
    """The gateway's address."""
    given = os.environ.get("BASE_URL", "").rstrip("/")
    url: str = given or request.getfixturevalue("stack").base_url
    declared.watch(url)
    return url


@pytest.fixture(autouse=True)
def _closed_clients() -> Iterator[None]:
    yield
    close_clients()


@pytest.fixture
def person(base_url: str) -> Callable[..., Person]:
    """Makes signed-in people."""
    return partial(Person.signed_in, base_url)


@pytest.fixture
def ada(person: Callable[..., Person]) -> Person:
    """A signed-in person."""
    return person()


@pytest.fixture
def bob(person: Callable[..., Person]) -> Person:
    """Another one."""
    return person()
