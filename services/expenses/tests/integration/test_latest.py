"""A few changes are all there were, or none are told."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from msgspec.structs import replace

from expenses_service.changes.latest import MOST, Latest, latest_changes
from expenses_service.changes.models import Change
from expenses_service.changes.repository import data_version, lock_user, update_expenses
from expenses_service.database import Database
from expenses_service.direct import Direct
from expenses_service.transfer import erasure
from tests.ledger import expense
from tests.records import record
from tests.tokens import user_id

ADA, BOB, NOBODY = (user_id(n) for n in (1, 2, 3))


@pytest.fixture
async def direct(database: Database) -> AsyncIterator[Direct]:
    opened = Direct(database.connect, size=1)
    yield opened
    await opened.close()


async def test_they_come_in_order_and_are_of_one_user(database: Database, direct: Direct) -> None:
    first, second, other = expense(notes="é"), expense(metadata={"k": "v"}, tags=["a"]), expense()
    await record(database, ADA, first)
    await record(database, BOB, other)
    await record(database, ADA, second)
    changed = replace(first, version=2, amount=7)
    async with database.transaction() as connection:
        await lock_user(connection, ADA)
        await update_expenses(connection, ADA, [Change("updated", changed)])
    assert await latest_changes(direct, ADA, 0) == Latest(3, [first, second, changed])
    assert await latest_changes(direct, ADA, 2) == Latest(3, [changed])
    assert await latest_changes(direct, ADA, 3) == Latest(3, [])
    assert await latest_changes(direct, NOBODY, 0) == Latest(0, [])


async def test_there_are_at_most_so_many(database: Database, direct: Direct) -> None:
    await record(database, ADA, *(expense() for _ in range(MOST + 1)))
    found = await latest_changes(direct, ADA, 1)
    assert found is not None
    assert (found.version, len(found.expenses)) == (MOST + 1, MOST)
    assert await latest_changes(direct, ADA, 0) is None
    await record(database, ADA, expense())
    assert await latest_changes(direct, ADA, 0) is None


async def test_who_is_ahead_or_unknown_is_told_nothing(database: Database, direct: Direct) -> None:
    await record(database, ADA, expense())
    assert await latest_changes(direct, ADA, 2) is None
    assert await latest_changes(direct, NOBODY, 1) is None


async def test_an_erasure_is_no_change_among_others(database: Database, direct: Direct) -> None:
    """Also when as much is written after it as was there before."""
    await record(database, ADA, expense(), expense())
    await erasure.erase(database, ADA)
    for since in (0, 1, 2):
        assert await latest_changes(direct, ADA, since) is None, since
    async with database.transaction() as connection:
        erased = await data_version(connection, ADA)
    new = expense()
    await record(database, ADA, new)
    for since in range(erased):
        assert await latest_changes(direct, ADA, since) is None, since
    assert await latest_changes(direct, ADA, erased) == Latest(erased + 1, [new])


async def test_a_restore_is_none_either(
    database: Database, direct: Direct, urls: dict[str, str]
) -> None:
    await record(database, ADA, expense(), expense())
    owner = await asyncpg.connect(urls["owner"])
    try:
        await owner.execute("SELECT restored()")
        base = await owner.fetchval("SELECT base FROM data_epoch")
    finally:
        await owner.close()
    for since in (0, 1, 2):
        assert await latest_changes(direct, ADA, since) is None, since
    found = await latest_changes(direct, ADA, base + 1)
    assert found is not None
    assert (found.version, len(found.expenses)) == (base + 2, 1)
    new = expense()
    await record(database, ADA, new)
    assert await latest_changes(direct, ADA, base + 2) == Latest(base + 3, [new])


@pytest.mark.parametrize(
    "made_other",
    [
        """|| '{"payment_method": "barter"}'""",
        """|| '{"currency": "XXY"}'""",
        "- 'notes'",  # the row may hold some all the same, of a release that knows notes
    ],
)
async def test_none_are_told_when_one_is_of_another_release(
    database: Database, direct: Direct, urls: dict[str, str], made_other: str
) -> None:
    await record(database, ADA, expense(notes="there"), expense())
    owner = await asyncpg.connect(urls["owner"])
    try:
        await owner.execute(
            f"UPDATE change_log SET snapshot = snapshot {made_other} WHERE seq = 1"  # noqa: S608 - of those above
        )
    finally:
        await owner.close()
    assert await latest_changes(direct, ADA, 0) is None
    assert await latest_changes(direct, ADA, 1) is not None
