import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec import json
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from expenses_service.changes.models import Action, Change, change_log, user_state
from expenses_service.changes.repository import (
    data_version,
    insert_expenses,
    lock_user,
    update_expenses,
    write_expenses,
)
from expenses_service.database import Database, constraint_name
from expenses_service.expenses.models import Expense, expenses
from expenses_service.expenses.repository import COLUMNS, find
from tests.ledger import AGREED, differences, expense
from tests.tokens import user_id

ADA = user_id(1)


async def insert(database: Database, user: UUID, *rows: Expense) -> int:
    async with database.transaction() as connection:
        await lock_user(connection, user)
        return await insert_expenses(connection, user, rows)


async def update(database: Database, user: UUID, *changes: Change) -> int:
    async with database.transaction() as connection:
        await lock_user(connection, user)
        return await update_expenses(connection, user, changes)


def following(row: Expense, action: Action = "updated", **fields: object) -> Change:
    now = datetime.now(UTC)
    return Change(action, replace(row, version=row.version + 1, updated_at=now, **fields))


async def test_a_new_user_has_version_zero(database: Database) -> None:
    async with database.transaction() as connection:
        assert await data_version(connection, ADA) == 0
        assert await lock_user(connection, ADA) == 0
    async with database.transaction() as connection:
        assert await lock_user(connection, ADA) == 0


async def test_a_row_comes_back_as_it_was_written(database: Database) -> None:
    full = expense(
        kind="refund",
        amount=999_999_999_999_999,
        currency="JPY",
        spent_on=date(2999, 12, 31),
        description='Ünïcode "quotes" \\ 🧾',
        merchant="M",
        tags=["a", 'b"c', "NULL", "{}"],
        payment_method="card",
        notes="line\nline\ttab",
        metadata={"k": "v", "ü": "{}"},
        source="bank",
        external_id="7",
    )
    assert await insert(database, ADA, full) == 1
    async with database.transaction() as connection:
        assert await find(connection, ADA, full.id) == full
        assert await find(connection, user_id(2), full.id) is None
        snapshot = select(change_log.c.snapshot).where(change_log.c.expense_id == full.id)
        stored = await connection.scalar(snapshot)
    assert json.decode(json.encode(stored), type=Expense) == full
    assert await differences(database) == AGREED


async def test_a_thousand_rows_are_one_write(database: Database) -> None:
    rows = [expense(amount=n + 1, category=f"c{n % 7}") for n in range(1000)]
    assert await insert(database, ADA, *rows) == 1000
    moved = [following(row, category="moved", spent_on=date(2026, 6, 1)) for row in rows]
    assert await update(database, ADA, *moved) == 2000
    async with database.transaction() as connection:
        order = (await connection.scalars(
            select(change_log.c.expense_id).order_by(change_log.c.seq).limit(1000)
        )).all()  # fmt: skip
    assert order == [row.id for row in rows]
    assert await differences(database) == AGREED


async def test_sums_may_pass_the_range_of_bigint(database: Database) -> None:
    """9,300 maximal amounts do; the rollup is set near that, instead of writing them all."""
    row = expense(amount=999_999_999_999_999)
    await insert(database, ADA, row)
    async with database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE rollups SET total = 9223372036854775807")
    await insert(database, ADA, expense(amount=999_999_999_999_999))
    async with database.transaction() as connection:
        total = (await connection.exec_driver_sql("SELECT total FROM rollups")).scalar_one()
    assert total == 9223372036854775807 + 999_999_999_999_999


async def write(database: Database, *changes: Change, handed_over: Sequence[UUID] = ()) -> int:
    async with database.transaction() as connection:
        await lock_user(connection, ADA)
        return await write_expenses(connection, ADA, changes, handed_over)


async def test_any_mixture_is_one_write_in_order(database: Database) -> None:
    one, two = expense(), expense(category="other")
    await insert(database, ADA, one, two)
    new = expense(amount=7)
    changed = following(one, amount=3)
    moved = following(changed.row, category="moved", spent_on=date(2026, 6, 1))
    gone = following(two, "deleted", deleted_at=datetime.now(UTC))
    back = following(gone.row, "restored", deleted_at=None)
    mixture = (changed, Change("created", new), gone, moved, back, following(new, notes="n"))
    assert await write(database, *mixture) == 8
    async with database.transaction() as connection:
        wanted = select(change_log.c.expense_id, change_log.c.version).order_by(change_log.c.seq)
        order = [tuple(row) for row in await connection.execute(wanted.offset(2))]
        assert await find(connection, ADA, new.id) == mixture[5].row
        assert await find(connection, ADA, one.id) == moved.row
    assert order == [(each.row.id, each.row.version) for each in mixture]
    assert await differences(database) == AGREED


async def test_a_mixture_with_a_row_that_is_not_current_stops(database: Database) -> None:
    row = expense()
    await insert(database, ADA, row)
    skipped = following(replace(row, version=2))
    for stale in (skipped, following(expense()), Change("created", expense(version=2))):
        with pytest.raises(RuntimeError):
            await write(database, Change("created", expense()), stale)
    with pytest.raises(IntegrityError):
        await write(database, Change("created", row))
    async with database.transaction() as connection:
        assert await data_version(connection, ADA) == 1
    assert await differences(database) == AGREED


async def test_external_ids_change_hands_in_one_write(database: Database) -> None:
    one, two = (expense(source="s", external_id=name) for name in "12")
    await insert(database, ADA, one, two)
    swap = (following(one, external_id="2"), following(two, external_id="1"))
    with pytest.raises(IntegrityError) as error:
        await write(database, *swap)
    assert constraint_name(error.value) == "expenses_external"
    await write(database, *swap, handed_over=[one.id, two.id])
    async with database.transaction() as connection:
        assert await find(connection, ADA, one.id) == swap[0].row
        assert await find(connection, ADA, two.id) == swap[1].row
    assert await differences(database) == AGREED


async def test_an_external_id_is_unique_for_its_user(database: Database) -> None:
    first = expense(source="bank", external_id="7")
    await insert(database, ADA, first)
    await insert(database, user_id(2), replace(first, id=uuid4()))
    with pytest.raises(IntegrityError) as error:
        await insert(database, ADA, expense(), expense(source="bank", external_id="7"))
    assert constraint_name(error.value) == "expenses_external"
    async with database.transaction() as connection:
        assert await data_version(connection, ADA) == 1
    assert await differences(database) == AGREED


async def test_a_row_that_is_not_current_stops_the_write(database: Database) -> None:
    row, other = expense(), expense()
    await insert(database, ADA, row, other)
    await update(database, ADA, following(row))
    for stale in (following(row), following(expense()), following(replace(other, version=2))):
        with pytest.raises(RuntimeError):
            await update(database, ADA, following(other), stale)
    with pytest.raises(RuntimeError):
        await update(database, user_id(2), following(other))
    assert await differences(database) == AGREED


async def test_without_the_lock_there_is_no_write(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction() as connection:
            await insert_expenses(connection, ADA, [expense()])
    async with database.transaction() as connection:
        assert (await connection.scalars(select(user_state.c.seq))).all() == []


async def test_first_writes_of_one_user_at_once_all_count(database: Database) -> None:
    await asyncio.gather(*(insert(database, ADA, expense()) for _ in range(12)))
    async with database.transaction() as connection:
        assert await data_version(connection, ADA) == 12
    assert await differences(database) == AGREED


class RandomWriter:
    """Creates, changes, deletes and restores rows of a few users in batches of any size."""

    def __init__(self, database: Database, seed: int) -> None:
        self._database = database
        self._random = random.Random(seed)

    async def run(self, rounds: int) -> None:
        for _ in range(rounds):
            user = user_id(self._random.randint(1, 3))
            size = self._random.choice([1, 1, 1, 5, 40])
            if self._random.random() < 0.4:
                await insert(self._database, user, *(self._row() for _ in range(size)))
            else:
                await self._change(user, size)

    async def _change(self, user: UUID, size: int) -> None:
        async with self._database.transaction() as connection:
            await lock_user(connection, user)
            rows = (
                await connection.execute(select(*COLUMNS).where(expenses.c.user_id == user))
            ).all()
            chosen = self._random.sample(rows, min(size, len(rows)))
            changes = [self._following(Expense(*row)) for row in chosen]
            if self._random.random() < 0.5:
                await update_expenses(connection, user, changes)
                return
            again = [self._following(change.row) for change in changes[::2]]
            new = [Change("created", self._row()) for _ in range(size)]
            mixture = changes + again + new
            await write_expenses(connection, user, mixture)

    def _row(self) -> Expense:
        return expense(**self._values())

    def _following(self, row: Expense) -> Change:
        if row.deleted_at is not None:
            return following(row, "restored", deleted_at=None)
        if self._random.random() < 0.3:
            return following(row, "deleted", deleted_at=datetime.now(UTC))
        return following(row, **self._values())

    def _values(self) -> dict[str, Any]:
        return {
            "amount": self._random.randint(1, 10**15 - 1),
            "currency": self._random.choice(["EUR", "JPY"]),
            "category": self._random.choice(["food", "travel", "other"]),
            "kind": self._random.choice(["expense", "refund"]),
            "spent_on": date(2026, self._random.randint(1, 4), self._random.randint(1, 28)),
            "tags": self._random.sample(["a", "b", "c"], self._random.randint(0, 3)),
        }


async def test_random_writers_leave_rows_log_rollups_and_sequence_equal(
    database: Database,
) -> None:
    await asyncio.gather(*(RandomWriter(database, seed).run(30) for seed in range(8)))
    assert await differences(database) == AGREED
    async with database.transaction() as connection:
        written = (await connection.exec_driver_sql("SELECT sum(seq) FROM user_state")).scalar_one()
    assert written > 500


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE rollups SET n = n + 1",
        "UPDATE rollups SET total = total - 1",
        "DELETE FROM change_log WHERE seq = 2",
        "UPDATE change_log SET snapshot = jsonb_set(snapshot, '{amount}', '1') WHERE seq = 3",
        "UPDATE expenses SET description = 'other'",
        "UPDATE user_state SET seq = seq + 1",
    ],
)
async def test_the_check_itself_sees_damage(database: Database, damage: str) -> None:
    await insert(database, ADA, expense(), expense(), expense())
    async with database.transaction() as connection:
        await connection.exec_driver_sql(damage)
    assert await differences(database) != AGREED
