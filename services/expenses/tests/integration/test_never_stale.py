"""Two instances, one cache that is killed, hung and wiped: no read is older than its caller knows.

A user's writer and readers run at the same time, each call to either process. The writer notes what
each write makes of the account before it is sent, and when it was acknowledged: a read must show
the account as one of the writes left it that were not answered when the read began, or as the last
one before these did. The control reads under a version that nobody confirmed, and is stale.
"""

import asyncio
import random
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import cycle
from typing import Any

import httpx
import pytest

from expenses_service.settings import Settings
from tests.integration.test_process import PATIENT, served
from tests.tokens import SigningKey, access_claims, user_id
from tests.valkey import Valkey

USERS = 5
READS = 10_000
READS_OF_CONTROL = 1000
READERS = 6
WRITES = 1 / 20
"""For each read."""
MOST = 12
"""Live expenses of a user; then some are deleted."""
UNCONFIRMED = [sys.executable, "-m", "tests.integration.unconfirmed"]

PATH = "/api/v1/expenses"
LISTS = [f"{PATH}?limit=200", f"{PATH}?limit=200&sort=created_at&include=total"]
NEWEST = f"{PATH}?limit=3&sort=-created_at"
SUMMARIES = [f"{PATH}/summary?group_by={keys}" for keys in ("category", "month,category", "day")]

State = Mapping[str, tuple[int, Decimal]]
"""The version and amount of each live expense, by its description."""


@dataclass
class Person:
    """A user, his connections to both instances, and what he knows."""

    clients: Sequence[httpx.AsyncClient]
    states: list[State] = field(default_factory=lambda: [{}])
    acknowledged: int = 0
    ids: dict[str, str] = field(default_factory=dict)
    reads: int = 0
    stale: int = 0
    seen: dict[str, tuple[str, object]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    async def live(self, dice: random.Random, reads: int) -> None:
        """Write now and then, as long as the readers read."""
        turn = asyncio.Event()

        async def reader() -> None:
            while self.reads < reads:
                await self.read(dice)
                if dice.random() < WRITES or self.reads >= reads:
                    turn.set()

        readers = [asyncio.create_task(reader()) for _ in range(READERS)]
        while self.reads < reads:
            turn.clear()
            await self.write(dice)
            await turn.wait()
        await asyncio.gather(*readers)

    async def write(self, dice: random.Random) -> None:
        client, before = dice.choice(self.clients), self.states[-1]
        amount = Decimal(dice.randint(1, 999)) / 100
        money = {"amount": str(amount), "currency": "EUR"}
        name = dice.choice(list(before)) if before and dice.random() < 0.6 else None
        if name is None:
            name = f"Lunch {len(self.states)}"
            self.states.append({**before, name: (1, amount)})
            draft = {**money, "description": name, "spent_on": "2026-05-07"}
            response = await client.post(PATH, json=draft)
            self.ids[name] = response.json()["id"]
        elif len(before) > MOST:
            self.states.append({key: it for key, it in before.items() if key != name})
            response = await client.delete(f"{PATH}/{self.ids[name]}")
        else:
            version, old = before[name]
            amount += amount == old
            self.states.append({**before, name: (version + 1, amount)})
            response = await client.patch(f"{PATH}/{self.ids[name]}", json={"amount": str(amount)})
        assert response.status_code in {200, 201, 204}, response.text
        self.acknowledged = len(self.states) - 1

    async def read(self, dice: random.Random) -> None:
        known = self.acknowledged
        name = dice.choice(list(self.ids)) if self.ids else None
        paths = [*LISTS, NEWEST, *SUMMARIES, *([f"{PATH}/{self.ids[name]}"] * 2 if name else [])]
        path = dice.choice(paths)
        shown = await self.shown(dice.choice(self.clients), path, conditional=dice.random() < 0.5)
        self.reads += 1
        true = [truth(path, name, state) for state in self.states[known:]]
        self.stale += shown not in true

    async def shown(self, client: httpx.AsyncClient, path: str, *, conditional: bool) -> object:
        """What the answer says, or the one whose entity tag it confirms."""
        tag, before = self.seen.get(path, ("", None))
        headers = {"If-None-Match": tag} if conditional and tag else {}
        response = await client.get(path, headers=headers)
        if response.status_code == 304:
            assert response.headers["etag"] == tag
            return before
        if response.status_code == 404:
            return None
        assert response.status_code == 200, response.text
        shown = content(response.json())
        self.seen[path] = (response.headers["etag"], shown)
        text = self.texts.setdefault(f"{path} {response.headers['etag']}", response.text)
        assert text == response.text  # one tag never names two texts
        return shown


def truth(path: str, name: str | None, state: State) -> object:
    """What `path` has to show of it; `name` is the expense whose path it may be."""
    if path in LISTS:
        return {key: version for key, (version, _) in state.items()}
    if path == NEWEST:
        return {key: version for key, (version, _) in [*state.items()][-3:]}
    if path in SUMMARIES:
        return len(state), sum((amount for _, amount in state.values()), Decimal(0))
    return None if name is None or name not in state else state[name]


def content(document: dict[str, Any]) -> object:
    """The same of a document."""
    if "items" in document:
        return {item["description"]: item["version"] for item in document["items"]}
    if "groups" in document:
        groups = document["groups"]
        totals = [(group["count"], Decimal(group["total"])) for group in groups]
        return sum(count for count, _ in totals), sum((it for _, it in totals), Decimal(0))
    return document["version"], Decimal(document["amount"])


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@asynccontextmanager
async def people(
    settings: Settings, valkey: Valkey, signing_key: SigningKey, command: Sequence[str] = PATIENT
) -> AsyncIterator[list[Person]]:
    """Of two processes of the service."""
    own = settings.model_copy(update={"cache_url": valkey.url, "cache_password_file": None})
    quiet = {"EXPENSES_LOG_LEVEL": "error"}  # nobody reads the pipe
    async with AsyncExitStack() as stack:
        urls = [stack.enter_context(served(own, command, **quiet))[1] for _ in range(2)]
        tokens = [signing_key.token(access_claims(user_id(n))) for n in range(USERS)]
        yield [
            Person([await stack.enter_async_context(client(url, token)) for url in urls])
            for token in tokens
        ]


def client(url: str, token: str) -> httpx.AsyncClient:
    bearer = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=url, headers=bearer, timeout=20, trust_env=False)


async def torment(valkey: Valkey, dice: random.Random, over: asyncio.Event) -> int:
    """Wipe, hang and kill the cache in turn, until it is over; how often."""

    def wipe() -> None:
        valkey.client().flushall()

    def hang() -> None:
        valkey.signal(signal.SIGSTOP)

    harms: list[tuple[Callable[[], None], Callable[[], None]]] = [
        (wipe, lambda: None),
        (hang, lambda: valkey.signal(signal.SIGCONT)),
        (valkey.kill, valkey.start),
    ]
    for count, (harm, mend) in enumerate(cycle(harms)):
        if over.is_set():
            return count
        await asyncio.sleep(dice.random())
        await asyncio.to_thread(harm)
        await asyncio.sleep(dice.random() * 0.5)
        await asyncio.to_thread(mend)
    raise AssertionError


async def test_no_read_is_stale(
    settings: Settings, valkey: Valkey, signing_key: SigningKey
) -> None:
    dice = random.Random(7)
    over = asyncio.Event()
    async with people(settings, valkey, signing_key) as all_, asyncio.TaskGroup() as group:
        harms = group.create_task(torment(valkey, dice, over))
        await asyncio.gather(*(person.live(dice, READS // USERS) for person in all_))
        over.set()
        told = [(await client.get("/metrics")).text for client in all_[0].clients]
    assert [person.stale for person in all_] == [0] * USERS
    assert sum(person.reads for person in all_) >= READS
    assert harms.result() >= 3
    for text in told:  # every way to answer was taken
        counts = dict(re.findall(r'cache_replies_total{source="(\w+)"} (\d+)', text))
        assert min(map(int, counts.values())) > 0, counts


async def test_the_control_is_stale(
    settings: Settings, valkey: Valkey, signing_key: SigningKey
) -> None:
    """Without the version from Postgres, the same readers see old replies: the test can fail."""
    dice = random.Random(7)
    async with people(settings, valkey, signing_key, UNCONFIRMED) as all_:
        await asyncio.gather(*(person.live(dice, READS_OF_CONTROL // USERS) for person in all_))
    assert all(person.stale for person in all_)
