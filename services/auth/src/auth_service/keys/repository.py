"""Signing keys in Postgres."""

from collections.abc import Sequence

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.keys.models import StoredKey, signing_keys

LOCK = 0x6B657973  # "keys": one replica at a time decides about keys


async def lock_keys(connection: AsyncConnection) -> None:
    """Wait until no other replica decides about keys; held until the transaction ends."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


async def all_keys(connection: AsyncConnection) -> Sequence[StoredKey]:
    """Every key that is not deleted, oldest first."""
    columns = [signing_keys.c[name] for name in StoredKey.__slots__]
    result = await connection.execute(select(*columns).order_by(signing_keys.c.created_at))
    return [StoredKey(**row) for row in result.mappings()]


async def insert_key(connection: AsyncConnection, key: StoredKey) -> None:
    """A new key, in use from now if it is the current one."""
    values = {name: getattr(key, name) for name in StoredKey.__slots__}
    await connection.execute(insert(signing_keys).values(**values, activate_at=func.now()))
