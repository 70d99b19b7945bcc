"""Two instances, one cache that is killed, hung and wiped: no read is older than its caller knows.

A user's writer and readers run at the same time, each call on either instance. Before each read the
number of acknowledged writes is noted, after it the number of those sent: what the read shows must
lie between them. The control reads under a version that nobody confirmed, and is stale.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx
import pytest

from expenses_service.app import create_app
from expenses_service.changes.versions import VersionReader
from expenses_service.settings import Settings
from tests.conftest import client_of
from tests.tokens import SigningKey, access_claims, user_id
from tests.valkey import Valkey

USERS = 6
WRITES = 25
READERS = 3
LIST = ("/api/v1/expenses", {"limit": "200"})
SUMMARIES = [
    ("/api/v1/expenses/summary", {"group_by": "category"}),
    ("/api/v1/expenses/summary", {"group_by": "month,category", "currency": "EUR"}),
    ("/api/v1/expenses/summary", {"group_by": "month", "to": "2026-05-30"}),
]
NEW = {"amount": "1.00", "currency": "EUR", "description": "x", "spent_on": "2026-05-07"}


@dataclass
class Person:
    """A user, his connections to both instances, and what he knows."""

    clients: list[httpx.AsyncClient]
    sent: int = 0
    acknowledged: int = 0
    reads: int = 0
    stale: int = 0
    tags: dict[str, str] = field(default_factory=dict)

    async def write(self, dice: random.Random) -> None:
        self.sent += 1
        response = await dice.choice(self.clients).post("/api/v1/expenses", json=NEW)
        assert response.status_code == 201, response.text
        self.acknowledged += 1

    async def read(self, dice: random.Random) -> None:
        path, parameters = dice.choice([LIST, *SUMMARIES])
        known = self.acknowledged
        response = await dice.choice(self.clients).get(path, params=parameters)
        assert response.status_code == 200, response.text
        self.reads += 1
        if not known <= self.shown(response) <= self.sent:
            self.stale += 1
        seen = self.tags.setdefault(
            f"{path} {parameters} {response.headers['etag']}", response.text
        )
        assert seen == response.text  # one tag never names two texts

    def shown(self, response: httpx.Response) -> int:
        document = response.json()
        if "items" in document:
            return len(document["items"])
        return sum(total["count"] for total in document["totals"])

    async def live(self, dice: random.Random) -> None:
        async def reader() -> None:
            while self.acknowledged < WRITES:
                await self.read(dice)

        readers = [asyncio.create_task(reader()) for _ in range(READERS)]
        for _ in range(WRITES):
            await self.write(dice)
            await asyncio.sleep(dice.random() * 0.05)
        await asyncio.gather(*readers)
        await self.read(dice)


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
async def people(
    settings: Settings, valkey: Valkey, signing_key: SigningKey
) -> AsyncIterator[list[Person]]:
    own = settings.model_copy(update={"cache_url": valkey.url, "cache_password_file": None})
    async with AsyncExitStack() as stack:
        apps = [create_app(own) for _ in range(2)]
        for app in apps:
            await stack.enter_async_context(app.router.lifespan_context(app))
        tokens = [signing_key.token(access_claims(user_id(n))) for n in range(USERS)]
        yield [
            Person([await stack.enter_async_context(client_of(app, token)) for app in apps])
            for token in tokens
        ]


async def torment(valkey: Valkey, dice: random.Random, over: asyncio.Event) -> None:
    """Wipe, hang and kill the cache in turn, until it is over."""

    def wipe() -> None:
        valkey.client().flushall()

    def hang() -> None:
        valkey.signal(signal.SIGSTOP)

    harms: list[tuple[Callable[[], None], Callable[[], None]]] = [
        (wipe, lambda: None),
        (hang, lambda: valkey.signal(signal.SIGCONT)),
        (valkey.kill, valkey.start),
    ]
    while not over.is_set():
        for harm, mend in harms:
            await asyncio.sleep(dice.random() * 0.5)
            await asyncio.to_thread(harm)
            await asyncio.sleep(dice.random() * 0.5)
            await asyncio.to_thread(mend)


async def test_no_read_is_stale(people: list[Person], valkey: Valkey) -> None:
    dice = random.Random(7)
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(torment(valkey, dice, over))
        await asyncio.gather(*(person.live(dice) for person in people))
        over.set()
    assert [person.stale for person in people] == [0] * USERS
    assert sum(person.reads for person in people) > USERS * WRITES


async def test_the_control_is_stale(people: list[Person], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the version from Postgres, the same readers see old replies: the test can fail."""

    async def unconfirmed(*_: object) -> int:
        await asyncio.sleep(0)  # as a query would
        return 1

    monkeypatch.setattr(VersionReader, "read", unconfirmed)
    dice = random.Random(7)
    await asyncio.gather(*(person.live(dice) for person in people))
    assert all(person.stale for person in people)
