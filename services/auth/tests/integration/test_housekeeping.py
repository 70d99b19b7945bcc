"""What is of no use any more is deleted, and nothing else."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from auth_service import housekeeping
from auth_service.database import Database

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def days_ago(number: float) -> datetime:
    return NOW - timedelta(days=number)


@pytest.fixture
async def owner(urls: dict[str, str]) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(urls["owner"])


async def test_deletes_what_is_due_in_batches(
    owner: "asyncpg.Connection[asyncpg.Record]",
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    user = await owner.fetchval(
        "INSERT INTO users (email, email_key, time_zone, password_hash)"
        " VALUES ('a@example.com', 'a@example.com', 'UTC', '') RETURNING id"
    )
    for age in (366, 366, 366, 365.1, 364.9, 0):
        await owner.execute(
            "INSERT INTO security_events (id, user_id, type)"
            " VALUES (uuidv7($1::timestamptz - now()), $2, 'signed_in')",
            days_ago(age),
            user,
        )
    for revoked, expires in ((31, 1), (31, -1), (29, 1)):
        await owner.execute(
            "INSERT INTO revoked_sessions VALUES (uuidv7(), $1, $2, $3)",
            user,
            days_ago(revoked),
            days_ago(expires),
        )
    for revoked_at in (days_ago(31), days_ago(29), None):
        await owner.execute(
            "INSERT INTO personal_access_tokens (user_id, name, scopes, secret_sha256, revoked_at)"
            " VALUES ($1, '', '{}', '', $2)",
            user,
            revoked_at,
        )
    deleted = await housekeeping.sweep(database, 365, NOW)
    assert deleted == {"events": 4, "revoked_sessions": 1, "personal_access_tokens": 1}
    assert await housekeeping.sweep(database, 365, NOW) == dict.fromkeys(deleted, 0)
    await owner.close()


async def test_one_replica_at_a_time(
    owner: "asyncpg.Connection[asyncpg.Record]", database: Database
) -> None:
    await owner.execute(
        "INSERT INTO revoked_sessions VALUES (uuidv7(), uuidv7(), $1, $1)", days_ago(40)
    )
    async with owner.transaction():
        await owner.execute("SELECT pg_advisory_xact_lock($1)", housekeeping.LOCK)
        assert (await housekeeping.sweep(database, 365, NOW))["revoked_sessions"] == 0
    assert (await housekeeping.sweep(database, 365, NOW))["revoked_sessions"] == 1
    await owner.close()


async def test_goes_on_after_postgres_was_away(
    owner: "asyncpg.Connection[asyncpg.Record]",
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(housekeeping, "EVERY_SECONDS", 0.01)
    await owner.execute(
        "INSERT INTO revoked_sessions VALUES (uuidv7(), uuidv7(), $1, $1)", LONG_AGO
    )
    gone = Database("postgresql://nobody@127.0.0.1:1/none", "x")
    away = asyncio.create_task(housekeeping.keep_house(gone, 365))
    there = asyncio.create_task(housekeeping.keep_house(database, 365))
    async with asyncio.timeout(20):
        while await owner.fetchval("SELECT count(*) FROM revoked_sessions"):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.02)
    assert not away.done()
    for task in (away, there):
        task.cancel()
    await asyncio.gather(away, there, return_exceptions=True)
    await gone.close()
    await owner.close()
