from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from processes import Gateway, Upstream, ready_gateway, running_upstream


@dataclass
class Stack:
    """A gateway, the two services' stand-ins behind it, and a client in front."""

    gateway: Gateway
    auth: Upstream
    expenses: Upstream
    client: httpx.Client

    @property
    def port(self) -> int:
        return self.gateway.port

    def everything_seen(self) -> list[str]:
        return self.auth.seen() + self.expenses.seen()


def run_stack(folder: Path, **settings: str) -> Iterator[Stack]:
    with (
        running_upstream("auth") as auth,
        running_upstream("expenses") as expenses,
        ready_gateway(folder, auth.url, expenses.url, **settings) as gateway,
        httpx.Client(base_url=gateway.url, timeout=15) as client,
    ):
        yield Stack(gateway, auth, expenses, client)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """For tests that leave the services as they are."""
    yield from run_stack(tmp_path_factory.mktemp("gateway"))


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """For tests that stop services; three requests in flight an address, answers within two seconds."""
    yield from run_stack(tmp_path, GATEWAY_REQUESTS_PER_ADDRESS="3", GATEWAY_ANSWER_SECONDS="2")
