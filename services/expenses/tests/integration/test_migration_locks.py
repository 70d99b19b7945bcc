"""What migrations do to those who write meanwhile, and what a long lock does to a migration."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests import postgres

VERSIONS = sorted((postgres.ROOT / "migrations/versions").glob("*.py"))
FIRST = "2026_11_24_initial"
# One that needs a lock that no writer lets it have, and the one before it.
EARLIER, LOCKING = "2026_11_26_data_epoch", "2026_11_26_categories_counted"
# Enough that each index takes longer than several writes.
FILL = """
INSERT INTO expenses (id, user_id, kind, amount, currency, spent_on, description, category,
                      version, created_at, updated_at)
SELECT uuidv7(), uuidv7(), 'expense', n, 'EUR', '2026-01-01', 'Lunch ' || n, 'food', 1, now(), now()
FROM generate_series(1, 30000) AS n
"""
WRITES = (
    """
    WITH one AS (SELECT uuidv7() AS id)
    INSERT INTO expenses (id, user_id, kind, amount, currency, spent_on, description, category,
                          version, created_at, updated_at)
    SELECT id, id, 'expense', 100, 'EUR', '2026-01-01', 'Lunch', 'food', 1, now(), now() FROM one
    """,
    "INSERT INTO user_state (user_id) VALUES (uuidv7())",
    """
    INSERT INTO categories (user_id, slug, name, archived, deleted, version, created_at, updated_at)
    VALUES (uuidv7(), 'boats', 'Boats', false, false, 1, now(), now())
    """,
)
AT_WORK = "SELECT query FROM pg_stat_activity WHERE usename = $1 AND state = 'active'"
TABLES = """
SELECT string_agg(tablename, ', ') FROM pg_tables
WHERE schemaname = $1 AND tablename <> 'alembic_version'
"""
STATE = """
SELECT (SELECT version_num FROM alembic_version) AS version,
  (SELECT jsonb_agg(to_jsonb(c) - 'oid' ORDER BY c.relname) FROM (
    SELECT relname, relchecks, relhastriggers, reloptions, relnatts FROM pg_class
    WHERE relnamespace = $1::regnamespace) AS c) AS relations,
  (SELECT array_agg(proname ORDER BY proname) FROM pg_proc
    WHERE pronamespace = $1::regnamespace) AS functions
"""


@pytest.fixture
def own(superuser_url: str) -> Iterator[dict[str, str]]:
    """A database of its own, at the newest schema."""
    urls = postgres.make_database(superuser_url)
    yield urls
    postgres.drop_database(superuser_url, urls["name"])


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def queries(watcher: asyncpg.Connection, own: dict[str, str]) -> set[str]:
    """What the migration's role is at."""
    return {row["query"] for row in await watcher.fetch(AT_WORK, f"{own['name']}_owner")}


async def test_no_writer_waits_for_two_seconds(own: dict[str, str], superuser_url: str) -> None:
    """The service's own role gives up after that; indexes are made while it writes."""
    await asyncio.to_thread(postgres.migrate, own["owner"], "downgrade", FIRST)
    await postgres.execute(own["owner"], FILL)
    done, at_work = asyncio.Event(), set[str]()

    async def write() -> int:
        rounds = 0
        async with connected(own["app"]) as app, connected(superuser_url) as watcher:
            while not done.is_set() or rounds == 0:
                before = await queries(watcher, own)
                for statement in WRITES:
                    await app.execute(statement)
                at_work.update(before & await queries(watcher, own))
                rounds += 1
        return rounds

    async with asyncio.TaskGroup() as both:
        writer = both.create_task(write())
        await asyncio.to_thread(postgres.migrate, own["owner"], "upgrade", "head")
        done.set()
    assert writer.result() > 0
    for index in ("expenses_amount", "expenses_created", "expenses_words"):
        assert any(f"CREATE INDEX CONCURRENTLY {index} " in query for query in at_work)


async def test_one_that_waits_for_a_lock_gives_up_and_changes_nothing(own: dict[str, str]) -> None:
    await asyncio.to_thread(postgres.migrate, own["owner"], "downgrade", EARLIER)
    async with connected(own["owner"]) as holder:
        before = await holder.fetchrow(STATE, postgres.SERVICE)
        names = await holder.fetchval(TABLES, postgres.SERVICE)
        async with holder.transaction():
            # As a long write does.
            await holder.execute(f"LOCK TABLE {names} IN ROW EXCLUSIVE MODE")
            with pytest.raises(RuntimeError, match="canceling statement due to lock timeout"):
                await asyncio.to_thread(postgres.migrate, own["owner"], "upgrade", LOCKING)
        assert await holder.fetchrow(STATE, postgres.SERVICE) == before
    await asyncio.to_thread(postgres.migrate, own["owner"], "upgrade", LOCKING)


async def test_the_way_back_leaves_a_later_schema_as_it_is(own: dict[str, str]) -> None:
    """The release before runs its job again; no other command takes a schema it does not know."""
    await postgres.execute(
        own["owner"], "UPDATE alembic_version SET version_num = 'of_a_later_one'"
    )
    async with connected(own["owner"]) as looking:
        before = await looking.fetchrow(STATE, postgres.SERVICE)
        said = await asyncio.to_thread(postgres.migrate, own["owner"], "upgrade", "head")
        assert "a later release's" in said
        with pytest.raises(RuntimeError, match="of_a_later_one"):
            await asyncio.to_thread(postgres.migrate, own["owner"], "downgrade", "-1")
        assert await looking.fetchrow(STATE, postgres.SERVICE) == before


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.stem)
def test_each_has_a_limit_for_locks_in_both_directions(version: Path) -> None:
    assert version.read_text().count("SET LOCAL lock_timeout = '2s'") == 2
