"""What tests do to stored keys: let time pass for them, and count who asks for them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import event

from auth_service.database import Database
from auth_service.keys.service import KeyStore
from tests import postgres

DAY = 24 * 3600.0
SECRET = b"k" * 32


async def loaded(database: Database, *, days: float = 30) -> KeyStore:
    """A replica that has read them, and made them if there were none."""
    store = KeyStore(database, SECRET, days * DAY)
    await store.load()
    return store


async def passes(owner_url: str, seconds: float) -> None:
    """Set the keys back in time, as if `seconds` had passed since they were looked at last."""
    by = f"interval '{seconds} seconds'"
    await postgres.execute(
        owner_url,
        f"UPDATE signing_keys SET created_at = created_at - {by},"  # noqa: S608 - our own number
        f" activate_at = activate_at - {by}, retire_at = retire_at - {by}",
    )


async def rows(owner_url: str) -> list[asyncpg.Record]:
    """All of them, oldest first; of those made at once the current one is the first."""
    connection = await asyncpg.connect(owner_url)
    try:
        return list(await connection.fetch("SELECT * FROM signing_keys ORDER BY created_at, state"))
    finally:
        await connection.close()


async def kids(owner_url: str) -> dict[str, list[str]]:
    """Their names by state, oldest first."""
    found: dict[str, list[str]] = {"next": [], "current": [], "retired": []}
    for row in await rows(owner_url):
        found[row["state"]].append(row["kid"])
    return found


@asynccontextmanager
async def reads(database: Database) -> AsyncIterator[list[str]]:
    """The statements that read the keys while the block runs."""
    seen: list[str] = []

    def listen(*arguments: object) -> None:
        statement = str(arguments[2])
        if "FROM signing_keys" in statement:
            seen.append(statement)

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", listen)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", listen)
