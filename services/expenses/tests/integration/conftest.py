from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from expenses_service.cache.service import ReplyCache, open_replies
from expenses_service.database import Database
from expenses_service.expenses import group_commit
from expenses_service.expenses.group_commit import GroupCommit
from expenses_service.settings import Settings
from tests import postgres as servers
from tests.both import Both, both_running
from tests.groups import Statement, grouping
from tests.replies import Truth
from tests.valkey import Valkey


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
async def cache(valkey: Valkey) -> AsyncIterator[ReplyCache]:
    opened = open_replies(valkey.url, None)
    yield opened
    await opened.close()


@pytest.fixture
def truth() -> Truth:
    return Truth()


@pytest.fixture(scope="module")
def server() -> Iterator[servers.Postgres]:
    """A Postgres of the module's own, which may be harmed."""
    server = servers.Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture
async def both(settings: Settings) -> AsyncIterator[Both]:
    async with both_running(settings) as both:
        yield both


@pytest.fixture
async def group(database: Database) -> AsyncIterator[GroupCommit]:
    async with grouping(database) as group:
        yield group


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch) -> Callable[[Statement], None]:
    """Has another do what the statements of a group do."""

    def replaced(statement: Statement) -> None:
        monkeypatch.setattr(group_commit, "record_free", statement)

    return replaced
