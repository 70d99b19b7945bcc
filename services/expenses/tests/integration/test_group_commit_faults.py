"""Statements that creates share, when callers hang up, Postgres hangs or two processes meet."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from expenses_service.database import Database
from expenses_service.direct import Direct
from expenses_service.errors import Unavailable
from expenses_service.expenses import group_commit
from expenses_service.expenses.group_commit import IN_FLIGHT, GroupCommit
from expenses_service.expenses.recording import Outcome, Sent, record_free
from expenses_service.telemetry import configure_logging
from tests import postgres as servers
from tests.groups import USERS, Gate, Statement, ask, grouping, held, log_of
from tests.ledger import AGREED, differences
from tests.recorders import new, stored
from tests.waiting import until


@pytest.fixture(autouse=True)
def lines() -> None:
    """Of the log go where this test's output goes, not where that of one before went."""
    configure_logging("info")


async def test_who_hangs_up_takes_nobody_along(group: GroupCommit, database: Database) -> None:
    """At whatever moment: before it is sent, while it is, as the first or as one of many."""
    stayed: set[object] = set()
    for wave in range(24):
        asked = [(user, new(f"{wave}", user)) for user in USERS[:12]]
        tasks = ask(group, *asked)
        await asyncio.sleep(0.0005 * wave)
        for task in tasks[wave % 2 :: 2]:
            task.cancel()
        assert await asyncio.gather(*tasks[1 - wave % 2 :: 2]) == [True] * 6
        stayed |= {each.expense.id for _, each in asked[1 - wave % 2 :: 2]}
    assert stayed <= await stored(database)
    assert await differences(database) == AGREED


async def test_who_has_hung_up_before_is_not_recorded(
    group: GroupCommit, database: Database, instead: Callable[[Statement], None]
) -> None:
    gate = Gate()
    instead(gate)
    asked = [(user, new()) for user in USERS[:5]]
    tasks = ask(group, *asked)
    await asyncio.sleep(0)
    tasks[2].cancel()
    gate.open.set()
    del tasks[2]
    assert await asyncio.gather(*tasks) == [True] * 4
    assert gate.began == [1, 1, 2]
    assert await stored(database) == {each.expense.id for _, each in (*asked[:2], *asked[3:])}


async def test_a_connection_that_breaks_is_told_to_those_of_its_statement_alone(
    group: GroupCommit, instead: Callable[[Statement], None]
) -> None:
    broken = [True, False, False]

    async def breaking(direct: Direct, rows: Sequence[Sent]) -> Outcome:
        is_broken = broken.pop(0)
        await asyncio.sleep(0)
        if is_broken:
            raise Unavailable
        return await record_free(direct, rows)

    instead(breaking)
    first, *others = ask(group, *((user, new()) for user in USERS[:9]))
    assert all(await asyncio.gather(*others))
    with pytest.raises(Unavailable):
        await first
    assert not broken


async def test_who_waits_too_long_is_refused_while_others_are_on_their_way(
    group: GroupCommit, instead: Callable[[Statement], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    instead(gate)
    monkeypatch.setattr(group_commit, "WAIT_SECONDS", 5)
    first = ask(group, *((user, new()) for user in USERS[:IN_FLIGHT]))
    early = ask(group, *((user, new()) for user in USERS[IN_FLIGHT:6]))
    await asyncio.sleep(3)
    late = ask(group, *((user, new()) for user in USERS[6:8]))
    outcomes = await asyncio.gather(*early, return_exceptions=True)
    assert [type(each) for each in outcomes] == [Unavailable] * len(early)
    assert not any(task.done() for task in (*first, *late))
    gate.open.set()
    assert all(await asyncio.gather(*first, *late))
    assert gate.began == [1, 1, 2]
    gate.open.clear()
    tasks = ask(group, *((user, new()) for user in USERS[: IN_FLIGHT + 1]))
    (refused,), _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert isinstance(refused.exception(), Unavailable)
    gate.open.set()
    await asyncio.wait(tasks)


async def test_what_one_more_would_wait_is_told_by_the_pace_and_by_who_waits_longest(
    group: GroupCommit, instead: Callable[[Statement], None]
) -> None:
    async def slow(direct: Direct, rows: Sequence[Sent]) -> Outcome:
        if len(rows) == 2:
            await asyncio.sleep(0.2)
        return await record_free(direct, rows)

    instead(slow)
    began = time.monotonic()
    assert all(await asyncio.gather(*ask(group, *((user, new()) for user in USERS[:4]))))
    took = time.monotonic() - began
    gate = Gate()
    instead(gate)
    assert group.expected_wait() == 0
    waiting = ask(group, *((user, new()) for user in USERS[: IN_FLIGHT + 8]))
    await asyncio.sleep(0)
    assert 0.1 * 8 / IN_FLIGHT <= group.expected_wait() <= took * 8 / IN_FLIGHT
    assert group.is_slower_than(0.1 * 8 / IN_FLIGHT - 0.01)
    assert not group.is_slower_than(took * 8 / IN_FLIGHT)
    for task in waiting[IN_FLIGHT + 1 :]:
        task.cancel()
    await asyncio.sleep(0)  # who is cancelled may still stand in the line, and counts no more
    assert not group.is_slower_than(0.1 * 8 / IN_FLIGHT - 0.01)
    gate.open.set()
    await asyncio.wait(waiting)
    assert group.expected_wait() == 0
    gate.open.clear()
    began = time.monotonic()
    waiting = ask(group, *((user, new()) for user in USERS[: IN_FLIGHT + 1]))
    await asyncio.sleep(0)
    await asyncio.sleep(0.5)
    assert 0.4 <= group.expected_wait() <= time.monotonic() - began
    gate.open.set()
    assert all(await asyncio.gather(*waiting))


@pytest.mark.parametrize("begun", [True, False])
async def test_who_waits_when_it_closes_is_refused(
    group: GroupCommit, instead: Callable[[Statement], None], *, begun: bool
) -> None:
    gate = Gate()
    instead(gate)
    first, second, *rest = ask(group, *((user, new()) for user in USERS[:6]))
    await asyncio.sleep(0)
    first.cancel()
    if begun:
        await until(lambda: len(gate.began) == 3)
    else:
        await asyncio.sleep(0)  # it is made, and has not begun
        assert gate.began == [1, 1]
    await group.close()
    gate.open.set()
    outcomes = await asyncio.gather(*rest, return_exceptions=True)
    assert [type(each) for each in outcomes] == [Unavailable] * 4
    assert await second


async def test_two_processes_neither_block_nor_lose_nor_double_anything(
    database: Database,
) -> None:
    """The same users and keys on both, with some who hang up and a writer who keeps rows locked."""
    chance = random.Random(5)
    users = USERS[:6]
    told: Counter[bool] = Counter()
    acknowledged: set[object] = set()
    keys: Counter[tuple[object, str]] = Counter()

    async def write(group: GroupCommit, writer: int) -> None:
        for n in range(40):
            user, key = chance.choice(users), f"{writer // 2}-{n}"  # three others have such keys
            one = new(key, user)
            try:
                recorded = await asyncio.wait_for(
                    group.record(user, one), chance.choice([None, None, None, 0.003])
                )
            except (TimeoutError, Unavailable):
                continue
            told[recorded] += 1
            if recorded:
                acknowledged.add(one.expense.id)
                keys[user, key] += 1

    async def hold() -> None:
        while True:
            async with held(database, chance.choice(users)):
                await asyncio.sleep(0.01)

    async with grouping(database) as one, grouping(database) as other:
        holding = asyncio.create_task(hold())
        await asyncio.gather(
            *(write(group, writer) for group in (one, other) for writer in range(12))
        )
        assert not holding.done()
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
    assert told[True] > 500
    assert max(keys.values()) == 1
    assert acknowledged <= await stored(database)
    assert await differences(database) == AGREED
    for user in users:
        numbers = [seq for seq, _ in await log_of(database, user)]
        assert numbers == list(range(1, len(numbers) + 1))


async def test_without_postgres_all_are_refused_and_none_waits(
    group: GroupCommit, urls: dict[str, str], superuser_url: str
) -> None:
    allow = f"ALTER DATABASE {urls['name']} ALLOW_CONNECTIONS"
    await servers.execute(superuser_url, f"{allow} false")
    try:
        async with asyncio.timeout(20):  # less than what would let them wait
            tasks = ask(group, *((user, new()) for user in USERS[:30]))
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await servers.execute(superuser_url, f"{allow} true")
    assert [type(each) for each in outcomes] == [Unavailable] * 30
