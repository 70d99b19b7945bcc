"""A walk over pages, in every order, while expenses are added, deleted and moved between them.

Whoever stays where he was is seen exactly once, in order; who moves or leaves may be seen or not.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from expenses_service.changes.models import Action, Change
from expenses_service.changes.repository import lock_user, update_expenses
from expenses_service.database import Database
from expenses_service.expenses.listing import list_page
from expenses_service.expenses.models import Expense
from expenses_service.expenses.schemas import ListQuery
from expenses_service.expenses.sorting import SORTS, SortName
from tests.records import expense, record

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)

rows = st.builds(
    expense,
    st.integers(1, 4),
    st.just("EUR"),
    st.dates(date(2026, 1, 1), date(2026, 1, 4)),
    description=st.sampled_from(["taxi", "taxi air", "bus"]),
    created_at=st.integers(0, 3).map(lambda n: NOON + timedelta(microseconds=n)),
)


@dataclass(frozen=True)
class Write:
    """What happens between two pages: to the expense at `place`, or a new one."""

    does: str
    place: int
    row: Expense


writes = st.lists(
    st.builds(Write, st.sampled_from(["add", "move", "note", "delete"]), st.integers(0, 30), rows),
    max_size=3,
)


@dataclass
class Ledger:
    """The rows as they are now, and those that never left their place."""

    database: Database
    user: UUID
    rows: dict[UUID, Expense] = field(default_factory=dict)
    staying: set[UUID] = field(default_factory=set)

    async def add(self, *added: Expense) -> None:
        await record(self.database, self.user, *added)
        self.rows |= {row.id: row for row in added}

    async def carry_out(self, write: Write, sort: SortName) -> None:
        if write.does == "add" or not self.rows:
            await self.add(replace(write.row, id=uuid4()))
            return
        old = list(self.rows.values())[write.place % len(self.rows)]
        new = self.changed(old, write)
        action: Action = "deleted" if write.does == "delete" else "updated"
        async with self.database.transaction() as connection:
            await lock_user(connection, self.user)
            await update_expenses(connection, self.user, [Change(action, new)])
        if action == "deleted":
            del self.rows[old.id]
        else:
            self.rows[old.id] = new
        if action == "deleted" or SORTS[sort].key(new) != SORTS[sort].key(old):
            self.staying.discard(old.id)

    def changed(self, old: Expense, write: Write) -> Expense:
        new = replace(old, version=old.version + 1, notes=str(old.version))
        if write.does == "move":
            new = replace(new, amount=write.row.amount, spent_on=write.row.spent_on)
        return replace(new, deleted_at=NOON) if write.does == "delete" else new


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    made=st.lists(rows, max_size=20),
    script=st.lists(writes, max_size=25),
    asked=st.fixed_dictionaries(
        {
            "sort": st.sampled_from(list(SORTS)),
            "limit": st.integers(1, 5).map(str),
            "currency": st.just("EUR"),
        },
        optional={"q": st.just("taxi")},
    ),
)
async def test_who_stays_is_seen_once(
    app: FastAPI,
    database: Database,
    made: list[Expense],
    script: list[list[Write]],
    asked: dict[str, str],
) -> None:
    sort = ListQuery.model_validate(asked).sort
    ledger = Ledger(database, uuid4())
    made = [replace(row, id=uuid4()) for row in made]
    if made:
        await ledger.add(*made)
    ledger.staying = {row.id for row in made if asked.get("q", "") in row.description}
    between, most = iter(script), len(made) + sum(map(len, script))
    seen: list[UUID] = []
    while asked:
        query = ListQuery.model_validate(asked)
        reply = await list_page(app.state.resources, ledger.user, query, lambda _: False)
        answer = msgspec.json.decode(reply.body)
        seen += [UUID(item["id"]) for item in answer["items"]]
        assert len(seen) <= most, "nobody is seen again but after a move"
        for write in next(between, []):
            await ledger.carry_out(write, sort)
        asked = asked | {"cursor": answer["next_cursor"]} if answer["next_cursor"] else {}
    stayed = sorted(
        (ledger.rows[each] for each in ledger.staying),
        key=lambda row: (SORTS[sort].key(row), row.id),
        reverse=sort.startswith("-"),
    )
    assert [each for each in seen if each in ledger.staying] == [row.id for row in stayed]
