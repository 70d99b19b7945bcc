"""Two processes of the service on one Postgres and one cache, for all examples."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from expenses_service.app import create_app
from expenses_service.database import Database
from expenses_service.settings import Settings
from tests.integration.test_process import PATIENT, served
from tests.ledger import AGREED, differences
from tests.model.player import Person, Player
from tests.model.versions import agree
from tests.model.web import Web
from tests.postgres import empty
from tests.tokens import SigningKey, access_claims, user_id

INSTANCES = 2
Result = TypeVar("Result")


class Stage:
    """Each example has users of its own."""

    def __init__(
        self, runner: asyncio.Runner, web: Web, database: Database, owner: str, key: SigningKey
    ) -> None:
        self._runner = runner
        self._owner = owner
        self._database = database
        self._key = key
        self._people = 0
        self.web = web
        self.outcomes: Counter[str] = Counter()
        self.player = Player(web, self.outcomes)

    def run(self, doing: Coroutine[object, object, Result]) -> Result:
        return self._runner.run(doing)

    def forget(self) -> None:
        """All that the examples before have left, so that none fails by the fault of another."""
        self.run(empty(self._owner))

    def new_person(self, name: str) -> Person:
        self._people += 1
        return Person(name, self._key.token(access_claims(user_id(self._people))))

    async def tables_agree(self) -> None:
        """Rollups and rows, log and rows, of everybody."""
        agree(await differences(self._database), AGREED)


@contextmanager
def set_up(settings: Settings, owner_url: str, signing_key: SigningKey) -> Iterator[Stage]:
    """The instances run and have their keys."""
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner(loop_factory=asyncio.new_event_loop))
        quiet = {"EXPENSES_LOG_LEVEL": "error"}  # nobody reads the pipe
        serving = [served(settings, PATIENT, **quiet) for _ in range(INSTANCES)]
        urls = [stack.enter_context(each)[1] for each in serving]
        database = Database(settings.database_url, settings.database_password())
        web = Web(urls, create_app(settings).openapi())
        try:
            yield Stage(runner, web, database, owner_url, signing_key)
        finally:
            runner.run(web.close())
            runner.run(database.close())
