"""Deletes what is of no use any more, every hour, a few rows at a time.

One replica at a time does it; a batch holds no lock that anybody waits for.
"""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import TextClause, text

from auth_service.database import Database
from auth_service.errors import Unavailable

EVERY_SECONDS: Final = 3600.0
BATCH: Final = 1000
LOCK: Final = 0x73776570  # "swep"

# Each deletes at most :batch rows. Events are found by their ids, which begin with their time.
STATEMENTS: Final[Mapping[str, str]] = {
    "events": """
        DELETE FROM security_events WHERE id IN (
            SELECT id FROM security_events WHERE id < :first_kept ORDER BY id LIMIT :batch)""",
    "revoked_sessions": """
        DELETE FROM revoked_sessions WHERE session_id IN (
            SELECT session_id FROM revoked_sessions
            WHERE revoked_at < :month_ago AND expires_at < :now LIMIT :batch)""",
    "personal_access_tokens": """
        DELETE FROM personal_access_tokens WHERE id IN (
            SELECT id FROM personal_access_tokens WHERE revoked_at < :month_ago LIMIT :batch)""",
}

log = structlog.get_logger(__name__)


async def sweep(database: Database, event_days: int, now: datetime) -> dict[str, int]:
    """Delete all that is due, and say how much; nothing while another replica does it.

    Raises:
        Unavailable: Postgres cannot be reached; what has been deleted stays so.

    """
    values = {
        "batch": BATCH,
        "now": now,
        "month_ago": now - timedelta(days=30),
        "first_kept": _first_id(now - timedelta(days=event_days)),
    }
    return {name: await _delete(database, text(sql), values) for name, sql in STATEMENTS.items()}


async def _delete(database: Database, statement: TextClause, values: Mapping[str, object]) -> int:
    deleted, last = 0, BATCH
    used = {name: values[name] for name in statement.compile().params}
    while last == BATCH:
        async with database.transaction() as connection:
            lock = text("SELECT pg_try_advisory_xact_lock(:lock)")
            if not (await connection.execute(lock, {"lock": LOCK})).scalar_one():
                return deleted
            last = (await connection.execute(statement, used)).rowcount
        deleted += last
    return deleted


def _first_id(at: datetime) -> UUID:
    """The least UUIDv7 of an instant (RFC 9562)."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


async def keep_house(database: Database, event_days: int) -> None:
    """Sweep now and then, until cancelled."""
    while True:
        await asyncio.sleep(EVERY_SECONDS * random.uniform(0.9, 1.1))  # noqa: S311 - spreads load
        try:
            deleted = await sweep(database, event_days, datetime.now(UTC))
        except Unavailable:
            continue  # told by the database already; the next hour will do
        log.info("swept", **deleted)
