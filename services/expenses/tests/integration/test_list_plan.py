"""The list reads what it shows, on page 1 and far behind it, in every order, whatever was deleted.

PERFORMANCE: keyset, not OFFSET.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.changes.models import Change
from expenses_service.changes.repository import lock_user, update_expenses
from expenses_service.database import Database
from expenses_service.expenses.cursors import Position
from expenses_service.expenses.filters import Filters
from expenses_service.expenses.models import Expense
from expenses_service.expenses.pages import is_planned_once
from expenses_service.expenses.repository import Slice, page, page_statement
from expenses_service.expenses.sorting import BY_AMOUNT, SORTS, SortName
from tests import postgres
from tests.ledger import expense
from tests.patience import be_patient
from tests.records import record
from tests.tokens import user_id

if TYPE_CHECKING:
    import asyncpg

FIRST = date(2020, 1, 1)
MIDNIGHT = datetime(2020, 1, 1, tzinfo=UTC)
_DIALECT = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
INDEXES = {
    "spent_on": "expenses_list",
    "amount": "expenses_amount",
    "created_at": "expenses_created",
}


def numbered(n: int, currency: str = "EUR") -> Expense:
    """Every third shares its keys with two others; 'opera' is rare and 'taxi' is everywhere."""
    word = "Opera" if n % 500 == 0 else "Bus" if n % 3 == 0 else "Tram"
    return expense(
        description=f"Taxi {word} {n}",
        spent_on=FIRST + timedelta(days=n // 3),
        amount=1 + n // 3,
        created_at=MIDNIGHT + timedelta(microseconds=n // 3),
        currency=currency,
    )


@pytest.fixture(scope="module")
def many() -> list[Expense]:
    """A user's 3,000 live expenses in one currency."""
    return [numbered(n) for n in range(3000)]


@pytest.fixture(scope="module")
def filled(superuser_url: str, many: list[Expense]) -> Iterator[dict[str, str]]:
    """A database with those, twice as many that are deleted or in dollars, and 3,000 of others."""
    urls = postgres.make_database(superuser_url)
    with pytest.MonkeyPatch.context() as patch:
        be_patient(patch.setitem)
        asyncio.run(fill(urls, many))
    yield urls
    postgres.drop_database(superuser_url, urls["name"])


async def fill(urls: dict[str, str], many: list[Expense]) -> None:
    async with opened(urls) as database:
        await record(database, user_id(1), *many)
        await record(database, user_id(1), *(numbered(n, "USD") for n in range(3000)))
        gone = [numbered(n) for n in range(3000)]
        await record(database, user_id(1), *gone)
        async with database.transaction() as connection:
            await lock_user(connection, user_id(1))
            deleted = (replace(row, version=2, deleted_at=MIDNIGHT) for row in gone)
            await update_expenses(connection, user_id(1), [Change("deleted", r) for r in deleted])
        for other in range(2, 32):
            await record(database, user_id(other), *(numbered(n) for n in range(100)))
    await postgres.execute(urls["owner"], "VACUUM ANALYZE expenses")


@asynccontextmanager
async def opened(urls: dict[str, str]) -> AsyncIterator[Database]:
    database = Database(postgres.without_password(urls["app"]), postgres.PASSWORD)
    yield database
    await database.close()


@pytest.fixture
async def database(filled: dict[str, str]) -> AsyncIterator[Database]:
    """The service's own way to it."""
    async with opened(filled) as database:
        yield database


async def plan(connection: AsyncConnection, filters: Filters, part: Slice) -> list[dict[str, Any]]:
    """Every node of the plan as it ran."""
    compiled = page_statement(user_id(1), filters, part).compile(
        dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
    )
    values = tuple(compiled.params[name] for name in compiled.positiontup or [])
    result = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}", values)
    return every(result.scalar_one()[0]["Plan"])


def every(root: dict[str, Any]) -> list[dict[str, Any]]:
    nodes = [root]
    for node in nodes:
        nodes.extend(node.get("Plans", []))
    return nodes


@pytest.mark.parametrize("sort", list(SORTS))
async def test_a_page_reads_its_own_rows_from_the_index(
    database: Database, many: list[Expense], sort: SortName
) -> None:
    order = SORTS[sort]
    filters = Filters(currency=("EUR",)) if order.column == "amount" else Filters()
    places = sorted((order.key(row), row.id) for row in many)
    for after in (None, *(Position(*place) for place in places[500::1000])):
        async with database.transaction() as connection:
            nodes = await plan(connection, filters, Slice(order, after, 51))
        [scan] = [node for node in nodes if node.get("Relation Name") == "expenses"]
        assert scan["Index Name"] == INDEXES[order.column]
        assert scan["Actual Rows"] == 51
        assert scan.get("Rows Removed by Filter", 0) == 0
        assert scan["Shared Hit Blocks"] + scan["Shared Read Blocks"] < 100
        if after is not None:
            assert "ROW(" in scan["Index Cond"]


@pytest.mark.parametrize(
    ("sort", "asked"),
    [
        *((sort, {}) for sort in SORTS if sort not in BY_AMOUNT),
        *((sort, {"currency": "EUR"}) for sort in BY_AMOUNT),
        ("-amount", {"currency": "EUR", "min_amount": "0.01", "max_amount": "999999"}),
        ("spent_on", {"from": str(FIRST), "to": "2999-12-31"}),
        ("-created_at", {"category": "food", "kind": "expense"}),
        ("-spent_on", {"category": "food,travel", "kind": "expense,refund"}),
    ],
)
async def test_a_plan_that_knows_no_values_reads_its_own_rows_too(
    database: Database, many: list[Expense], sort: SortName, asked: dict[str, str]
) -> None:
    """On the connections that such lists go by."""
    order, filters = SORTS[sort], Filters.model_validate(asked)
    assert is_planned_once(filters, order)
    place = sorted((order.key(row), row.id) for row in many)[1500]
    connection = await database.connect()
    try:
        for after in (None, Position(*place)):
            nodes = await kept_plan(connection, filters, Slice(order, after, 51))
            [scan] = [node for node in nodes if node.get("Relation Name") == "expenses"]
            assert scan["Index Name"] == INDEXES[order.column]
            assert "$" in scan["Index Cond"]  # it knows none
            assert scan["Actual Rows"] == 51
    finally:
        await connection.close()


async def kept_plan(
    connection: "asyncpg.Connection[asyncpg.Record]", filters: Filters, part: Slice
) -> list[dict[str, Any]]:
    """Every node of the plan of a statement that is prepared, as it ran."""
    compiled = page_statement(user_id(1), filters, part).compile(dialect=_DIALECT)
    values = [compiled.params[name] for name in compiled.positiontup or []]
    given = ", ".join(f"ARRAY{each}" if isinstance(each, list) else f"'{each}'" for each in values)
    await connection.execute(f"PREPARE page AS {compiled}")
    text = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page ({given})")
    await connection.execute("DEALLOCATE page")
    return every(json.loads(text)[0]["Plan"])


@pytest.mark.parametrize(
    ("sort", "asked"),
    [
        ("-created_at", {"from": str(FIRST)}),
        ("-created_at", {"currency": "EUR"}),
        ("spent_on", {"currency": "EUR"}),
        ("amount", {"currency": "EUR", "to": "2999-12-31"}),
        ("-spent_on", {"updated_since": "2020-01-01T00:00:00Z"}),
        ("-spent_on", {"q": "taxi"}),
    ],
)
def test_where_values_matter_each_list_is_planned(sort: SortName, asked: dict[str, str]) -> None:
    assert not is_planned_once(Filters.model_validate(asked), SORTS[sort])


@pytest.mark.parametrize("total", [False, True])
@pytest.mark.parametrize("sort", ["-spent_on", "created_at"])
@pytest.mark.parametrize(("words", "found"), [("OPERA", 6), ("taxi o", 6), ("b", 998)])
async def test_a_search_reads_what_it_finds(
    database: Database, words: str, found: int, sort: SortName, *, total: bool
) -> None:
    filters = Filters(currency=("EUR",), q=words)
    async with database.transaction() as connection:
        nodes = await plan(connection, filters, Slice(SORTS[sort], None, 51, total=total))
    scans = [node for node in nodes if node["Node Type"] == "Bitmap Index Scan"]
    assert len(scans) == 1 + total
    for scan in scans:
        assert scan["Index Name"] == "expenses_words"
        assert scan["Actual Rows"] == 2 * found  # those in dollars too, and nobody else's
    read = {node["Node Type"] for node in nodes if node.get("Relation Name") == "expenses"}
    assert read == {"Bitmap Heap Scan"}


async def test_a_search_has_room_and_its_neighbours_do_not(database: Database) -> None:
    async def memory(connection: AsyncConnection) -> str:
        return str((await connection.exec_driver_sql("SHOW work_mem")).scalar_one())

    async with database.transaction() as connection:
        before = await memory(connection)
        await page(connection, user_id(1), Filters(q="taxi"), Slice(SORTS["spent_on"], None, 5))
        assert await memory(connection) == "64MB" != before
    async with database.transaction() as connection:
        assert await memory(connection) == before
