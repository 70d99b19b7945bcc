"""Writes of one user that share a statement: each keeps its own outcome."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.categories import repository as categories
from expenses_service.categories.rules import USUAL
from expenses_service.changes.models import change_log
from expenses_service.changes.repository import lock_user
from expenses_service.database import Database
from expenses_service.direct import Direct
from expenses_service.errors import Unavailable
from expenses_service.expenses import recording as statements
from expenses_service.expenses import sharing
from expenses_service.expenses.recording import New
from expenses_service.expenses.sharing import MOST, Recorder
from expenses_service.idempotency.models import idempotency as kept
from expenses_service.idempotency.repository import keep
from expenses_service.telemetry import configure_logging
from tests import postgres as servers
from tests.ledger import AGREED, differences
from tests.recorders import ADA, BOB, ask, new, recording, stored
from tests.waiting import until


@pytest.fixture(autouse=True)
def lines() -> None:
    """Of the log go where this test's output goes, not where that of one before went."""
    configure_logging("info")


@pytest.fixture
async def recorder(database: Database) -> AsyncIterator[Recorder]:
    async with recording(database) as recorder:
        yield recorder


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each statement has."""
    sizes: list[int] = []
    record = statements.record

    async def counting(direct: Direct, user: object, news: Sequence[New]) -> object:
        sizes.append(len(news))
        return await record(direct, user, news)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(sharing, "record", counting)
    return sizes


@asynccontextmanager
async def held(database: Database) -> AsyncIterator[AsyncConnection]:
    """Nobody else can write for Ada in this block."""
    async with database.transaction() as connection:
        await lock_user(connection, ADA)
        yield connection


async def until_blocked(database: Database, number: int) -> None:
    """So many wait for a lock in Postgres."""

    async def enough() -> bool:
        async with database.transaction() as connection:
            blocked = await connection.exec_driver_sql(_BLOCKED)
            return int(blocked.scalar_one()) >= number

    await until(enough)


_BLOCKED = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def by_seq(database: Database) -> list[object]:
    async with database.transaction() as connection:
        statement = select(change_log.c.expense_id).order_by(change_log.c.seq)
        return list(await connection.scalars(statement))


@pytest.mark.parametrize(("more", "sizes"), [(0, [1, MOST]), (1, [1, MOST, 1])])
async def test_who_comes_meanwhile_shares_the_next_statement_up_to_a_bound(
    recorder: Recorder, database: Database, sent: list[int], more: int, sizes: list[int]
) -> None:
    news = [new(str(n), category=("food", "other")[n % 2]) for n in range(1 + MOST + more)]
    assert all(await asyncio.gather(*ask(recorder, *news)))
    assert sent == sizes
    assert await by_seq(database) == [each.expense.id for each in news]  # as they came
    assert await differences(database) == AGREED
    async with database.transaction() as connection:
        statement = select(kept.c.key, kept.c.body, kept.c.location)
        rows = (await connection.execute(statement)).all()
    answers = {(str(n), each.answer.body, each.answer.location) for n, each in enumerate(news)}
    assert {tuple(row) for row in rows} == answers


async def test_alone_it_is_sent_at_once_and_by_itself(recorder: Recorder, sent: list[int]) -> None:
    for n in range(3):
        assert await recorder.record(ADA, new(str(n)))
    assert sent == [1, 1, 1]


async def test_users_do_not_wait_for_each_other(recorder: Recorder, database: Database) -> None:
    async with held(database):
        waiting = ask(recorder, new(), new())
        assert await recorder.record(BOB, new())
        assert not any(task.done() for task in waiting)
    assert await asyncio.gather(*waiting) == [True, True]


async def test_what_stands_in_the_way_of_one_leaves_the_others_alone(
    recorder: Recorder, database: Database, sent: list[int]
) -> None:
    external: dict[str, Any] = {"source": "bank", "external_id": "1"}
    assert await recorder.record(ADA, new("known", **external))
    async with database.transaction() as connection:
        await lock_user(connection, ADA)
        for category in (
            replace(USUAL["food"], archived=True),
            replace(USUAL["food"], slug="zoo", deleted=True),
            replace(USUAL["food"], slug="boats"),
        ):
            await categories.save(connection, ADA, category, datetime.now(UTC))
    async with database.transaction() as busy:
        await busy.exec_driver_sql(
            "SELECT pg_advisory_xact_lock($1::bigint)", (new("busy").kept()[0],)
        )
        outcomes = await asyncio.gather(
            *ask(
                recorder,
                new("a"),
                new("b", category="boats"),
                new("known"),
                new("c", category="food"),
                new(category="zoo"),
                new(category="nowhere"),
                new("busy"),
                new(**external),
                new(**external | {"source": "card"}),
                new(),
            )
        )
    assert outcomes == [True, True, *[False] * 6, True, True]
    assert sent == [1, 1, 9]
    assert await differences(database) == AGREED


async def test_nobody_waits_for_a_twin(recorder: Recorder, database: Database) -> None:
    """Neither of one in flight nor of one that waits for the next statement."""
    external: dict[str, Any] = {"source": "bank", "external_id": "1"}
    async with held(database):
        first = ask(recorder, new("a"), new("b"), new(**external))
        await asyncio.sleep(0)
        twins = [new("a"), new("b"), new(**external), new("d", **external)]
        assert await asyncio.gather(*ask(recorder, *twins)) == [False] * 4
        others = ask(recorder, new("d"), new(**external | {"external_id": "2"}))
    assert await asyncio.gather(*first, *others) == [True] * 5
    assert await asyncio.gather(*ask(recorder, new("e"), *twins)) == [True, *[False] * 4]
    assert await differences(database) == AGREED


async def test_an_answer_that_comes_while_they_wait_undoes_all(
    recorder: Recorder, database: Database
) -> None:
    """Each is told to go the long way, where it is in nobody's way but its twin's."""
    async with held(database) as connection:
        first, *rest = ask(recorder, new("a"), new("b"), new("c"), new())
        await until_blocked(database, 1)
        first.cancel()
        await until_blocked(database, 2)
        twin = new("b")
        assert twin.request is not None
        await keep(connection, twin.request, twin.answer)
    assert await asyncio.gather(*rest) == [False] * 3
    assert len(await stored(database)) <= 1  # of the first it is not known
    assert await asyncio.gather(*ask(recorder, new("b"), new("c"), new())) == [False, True, True]
    assert await differences(database) == AGREED


async def test_a_category_that_closes_while_they_wait(
    recorder: Recorder, database: Database
) -> None:
    async with held(database) as connection:
        first, *rest = ask(recorder, *(new(category=slug) for slug in ("food", "food", "other")))
        await until_blocked(database, 1)
        first.cancel()
        await until_blocked(database, 2)
        gone = replace(USUAL["food"], archived=True)
        await categories.save(connection, ADA, gone, datetime.now(UTC))
    assert await asyncio.gather(*rest) == [False, False]
    news = (new(category="other"), new(category="food"), new())
    assert await asyncio.gather(*ask(recorder, *news)) == [True, False, True]
    assert await differences(database) == AGREED


async def test_who_hangs_up_takes_nobody_along(recorder: Recorder, database: Database) -> None:
    """At whatever moment: before it is sent, while it is, as the first or as one of many."""
    stayed: set[object] = set()
    for wave in range(24):
        news = [new(f"{wave}-{n}") for n in range(8)]
        tasks = ask(recorder, *news)
        await asyncio.sleep(0.0005 * wave)
        for task in tasks[wave % 2 :: 2]:
            task.cancel()
        assert await asyncio.gather(*tasks[1 - wave % 2 :: 2]) == [True] * 4
        stayed |= {each.expense.id for each in news[1 - wave % 2 :: 2]}
    assert stayed <= await stored(database)
    assert await differences(database) == AGREED


async def test_who_has_hung_up_before_is_not_recorded(
    recorder: Recorder, database: Database, sent: list[int]
) -> None:
    news = [new("a"), new("b"), new("c")]
    async with held(database):
        first, second, third = ask(recorder, *news)
        await until_blocked(database, 1)
        second.cancel()
    assert await first
    assert await third
    assert sent == [1, 1]
    assert await stored(database) == {news[0].expense.id, news[2].expense.id}


async def test_who_waits_is_refused_with_the_one_before(
    recorder: Recorder, database: Database, sent: list[int], superuser_url: str
) -> None:
    """Who waited for two statements would wait too long for a server that hangs."""
    async with held(database):
        waiting = ask(recorder, new("a"), new("b"), new())
        await until_blocked(database, 1)
        await servers.execute(superuser_url, _END_THE_BLOCKED)
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in outcomes] == [Unavailable] * 3
    assert sent == [1]
    assert await asyncio.gather(*ask(recorder, new("a"), new("b"))) == [True, True]
    assert len(await stored(database)) == 2
    assert await differences(database) == AGREED


_END_THE_BLOCKED = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
)


async def test_who_waits_when_it_closes_is_refused(recorder: Recorder, database: Database) -> None:
    async with held(database):
        first, *rest = ask(recorder, *(new(str(n)) for n in range(4)))
        await until_blocked(database, 1)
        first.cancel()
        await until_blocked(database, 2)
        await recorder.close()
        outcomes = await asyncio.gather(*rest, return_exceptions=True)
    assert [type(each) for each in outcomes] == [Unavailable] * 3
