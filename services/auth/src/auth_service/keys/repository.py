"""Signing keys in Postgres."""

from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.keys.deadlines import PUBLISH, REFRESHABLE
from auth_service.keys.models import SealedKey, Snapshot, State, StoredKey, signing_keys

LOCK = 0x6B657973  # "keys": one replica at a time decides about keys


async def lock_keys(connection: AsyncConnection) -> None:
    """Wait until no other replica decides about keys; held until the transaction ends."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


async def read_keys(connection: AsyncConnection) -> Snapshot:
    """Every key that is not deleted, oldest first."""
    now = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    columns = [signing_keys.c[field.name] for field in fields(StoredKey)]
    order = (signing_keys.c.created_at, signing_keys.c.kid)
    result = await connection.execute(select(*columns).order_by(*order))
    return Snapshot(now, [StoredKey(**row) for row in result.mappings()])


async def insert_key(
    connection: AsyncConnection, key: SealedKey, state: State, now: datetime
) -> None:
    """A new key: the current one signs from now on, the next one may after it was published."""
    activate_at = now + PUBLISH if state == "next" else now
    values = asdict(key) | {"state": state, "created_at": now, "activate_at": activate_at}
    await connection.execute(insert(signing_keys).values(**values))


async def promote_next(connection: AsyncConnection, now: datetime) -> None:
    """The current key is retired, its private part gone, and the next one is current."""
    state = signing_keys.c.state
    retired = {"state": "retired", "retire_at": now, "private_enc": b""}
    await connection.execute(update(signing_keys).where(state == "current").values(retired))
    current = {"state": "current", "activate_at": now}
    await connection.execute(update(signing_keys).where(state == "next").values(current))


async def delete_dead(connection: AsyncConnection, now: datetime) -> None:
    """Forget the keys that verify nothing any more."""
    is_dead = signing_keys.c.retire_at <= now - REFRESHABLE
    await connection.execute(delete(signing_keys).where(is_dead))
