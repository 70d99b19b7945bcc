"""Creates of many users share statements: each keeps its own outcome, none waits for others."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from sqlalchemy import select

from expenses_service.categories import repository as categories
from expenses_service.categories.rules import USUAL
from expenses_service.database import Database
from expenses_service.direct import Direct
from expenses_service.expenses.group_commit import IN_FLIGHT, GroupCommit
from expenses_service.expenses.models import expenses
from expenses_service.expenses.recording import Outcome, Sent, record_free
from expenses_service.expenses.sharing import MOST
from expenses_service.idempotency.models import idempotency as kept
from expenses_service.telemetry import configure_logging
from tests.groups import CY, DAN, EVE, USERS, Statement, ask, held, log_of
from tests.ledger import AGREED, differences
from tests.recorders import ADA, BOB, new
from tests.tokens import user_id
from tests.waiting import until


@pytest.fixture(autouse=True)
def lines() -> None:
    """Of the log go where this test's output goes, not where that of one before went."""
    configure_logging("info")


@pytest.fixture
def sent(instead: Callable[[Statement], None]) -> list[int]:
    """How many rows each statement has."""
    sizes: list[int] = []

    async def counting(direct: Direct, rows: Sequence[Sent]) -> Outcome:
        sizes.append(len(rows))
        return await record_free(direct, rows)

    instead(counting)
    return sizes


async def blocked(database: Database) -> int:
    """How many wait for a lock in Postgres."""
    async with database.transaction() as connection:
        waiting = await connection.exec_driver_sql(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(waiting.scalar_one())


async def until_blocked(database: Database) -> None:
    async def some() -> bool:
        return await blocked(database) > 0

    await until(some)


@pytest.mark.parametrize(("more", "rest"), [(0, [MOST]), (1, [MOST, 1])])
async def test_who_comes_meanwhile_shares_the_next_statement_up_to_a_bound(
    group: GroupCommit, database: Database, sent: list[int], more: int, rest: list[int]
) -> None:
    asked = [(user, new("k", user)) for user in USERS[: IN_FLIGHT + MOST + more]]
    assert all(await asyncio.gather(*ask(group, *asked)))
    assert sent == [1] * IN_FLIGHT + rest
    assert await differences(database) == AGREED
    async with database.transaction() as connection:
        statement = select(kept.c.user_id, kept.c.key, kept.c.body, kept.c.location)
        rows = (await connection.execute(statement)).all()
        owners = (await connection.execute(select(expenses.c.user_id, expenses.c.id))).all()
    answers = {(user, "k", each.answer.body, each.answer.location) for user, each in asked}
    assert {tuple(row) for row in rows} == answers
    assert {tuple(row) for row in owners} == {(user, each.expense.id) for user, each in asked}


async def test_alone_it_is_sent_at_once_and_by_itself(group: GroupCommit, sent: list[int]) -> None:
    for n in range(3):
        assert await group.record(ADA, new(str(n)))
    assert sent == [1, 1, 1]
    assert group.expected_wait() == 0


async def test_each_users_rows_are_numbered_in_the_order_in_which_they_came(
    group: GroupCommit, database: Database, sent: list[int]
) -> None:
    asked = [(USERS[n % 3], new(str(n), USERS[n % 3])) for n in range(30)]
    assert all(await asyncio.gather(*ask(group, *asked)))
    assert sent[:IN_FLIGHT] == [1] * IN_FLIGHT
    assert max(sent) > 10
    for user in USERS[:3]:
        mine = [each.expense.id for owner, each in asked if owner == user]
        assert await log_of(database, user) == list(enumerate(mine, 1))
    assert await differences(database) == AGREED


async def test_whose_row_is_locked_waits_alone_and_by_one_connection(
    group: GroupCommit, database: Database
) -> None:
    async with held(database, ADA):
        adas = ask(group, *((ADA, new(str(n))) for n in range(20)))
        others = ask(group, *((user, new()) for user in USERS[1:40]))
        assert all(await asyncio.gather(*others))
        await until_blocked(database)
        more = ask(group, *((ADA, new()) for _ in range(20)))
        others = ask(group, *((user, new()) for user in USERS[1:40]))
        assert all(await asyncio.gather(*others))
        assert await blocked(database) == 1
        assert not any(task.done() for task in (*adas, *more))
    assert all(await asyncio.gather(*adas, *more))
    assert await differences(database) == AGREED


async def test_what_stands_in_the_way_of_one_leaves_the_others_alone(
    group: GroupCommit, database: Database, sent: list[int]
) -> None:
    external: dict[str, Any] = {"source": "bank", "external_id": "1"}
    assert await group.record(ADA, new("known", **external))
    async with held(database, BOB) as connection:
        archived = replace(USUAL["food"], archived=True)
        await categories.save(connection, BOB, archived, datetime.now(UTC))
    before = len(sent)
    async with database.transaction() as busy:
        locked = new("busy", CY).kept()[0]
        await busy.exec_driver_sql("SELECT pg_advisory_xact_lock($1::bigint)", (locked,))
        outcomes = await asyncio.gather(
            *ask(
                group,
                (DAN, new()),
                (EVE, new()),
                (ADA, new("known")),
                (BOB, new("known", BOB)),
                (ADA, new(**external)),
                (BOB, new(**external)),
                (BOB, new(category="food")),
                (ADA, new(category="food")),
                (CY, new("busy", CY)),
                (CY, new(category="nowhere")),
                (user_id(999), new()),
                (CY, new("free", CY)),
            )
        )
    assert outcomes == [
        *(True, True),
        *(False, True),
        *(False, True),
        *(False, True),
        *(False, False),
        *(False, True),
    ]
    assert sent[before:] == [1, 1, 10]
    assert await differences(database) == AGREED


async def test_nobody_waits_for_a_twin(group: GroupCommit, database: Database) -> None:
    async with held(database, ADA):
        first = ask(group, (ADA, new("a")), (ADA, new(source="bank", external_id="1")))
        await asyncio.sleep(0)
        twins = [(ADA, new("a")), (ADA, new("b", source="bank", external_id="1"))]
        assert await asyncio.gather(*ask(group, *twins)) == [False, False]
        await until_blocked(database)  # now in a line of hers
        assert await asyncio.gather(*ask(group, *twins)) == [False, False]
        assert await group.record(BOB, new("a", BOB))
    assert await asyncio.gather(*first) == [True, True]
    assert await differences(database) == AGREED


async def test_who_would_undo_it_is_the_only_one_to_notice(
    group: GroupCommit, database: Database, sent: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    first = new()
    assert await group.record(ADA, first)
    twin = new(id=first.expense.id)  # which no statement looks for
    asked = [(user, new()) for user in USERS[:10]]
    outcomes = await asyncio.gather(*ask(group, *asked[:5], (EVE, twin), *asked[5:]))
    assert outcomes == [*[True] * 5, False, *[True] * 5]
    assert sent[1:] == [1, 1, 9, 9]
    assert '"reason": "23505", "rows": 9' in capsys.readouterr().out
    assert await differences(database) == AGREED


async def test_what_came_in_just_then_undoes_it_once(
    group: GroupCommit, instead: Callable[[Statement], None], capsys: pytest.CaptureFixture[str]
) -> None:
    sizes: list[int] = []

    async def undone(direct: Direct, rows: Sequence[Sent]) -> Outcome:
        sizes.append(len(rows))
        if sizes.count(7) == 1:
            raise asyncpg.UniqueViolationError
        return await record_free(direct, rows)

    instead(undone)
    assert all(await asyncio.gather(*ask(group, *((user, new()) for user in USERS[:9]))))
    assert sizes == [1, 1, 7, 7]
    assert "group_commit_undone" not in capsys.readouterr().out


async def test_an_error_that_nobody_expected_is_logged_and_met_by_nobody_else(
    group: GroupCommit, instead: Callable[[Statement], None], capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(direct: Direct, rows: Sequence[Sent]) -> Outcome:
        if len(rows) > 1:
            raise LookupError
        return await record_free(direct, rows)

    instead(broken)
    assert all(await asyncio.gather(*ask(group, *((user, new()) for user in USERS[:9]))))
    assert '"reason": "LookupError", "rows": 7' in capsys.readouterr().out
