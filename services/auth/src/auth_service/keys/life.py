"""The steps of a key's life in Postgres, one transaction each, made by whichever replica is first.

A key is made outside the transaction, since that takes a second; under the advisory lock all is
looked at again, so that of several replicas one acts and the others see what it did.
"""

import asyncio

import structlog

from auth_service.database import Database
from auth_service.keys import deadlines, repository, rules
from auth_service.keys.models import Snapshot, State

STATES: tuple[State, ...] = ("current", "next")

log = structlog.get_logger(__name__)


async def read(database: Database) -> Snapshot:
    """All keys as they are. Raises Unavailable."""
    async with database.transaction() as connection:
        return await repository.read_keys(connection)


def missing(snapshot: Snapshot) -> list[State]:
    """The states that no key is in: both at the first start of all."""
    there = {key.state for key in snapshot.keys}
    return [state for state in STATES if state not in there]


async def complete(database: Database, key_encryption_key: bytes, absent: list[State]) -> None:
    """Make the keys that are `absent`, unless another replica did meanwhile. Raises Unavailable."""
    made = {state: await asyncio.to_thread(rules.make, key_encryption_key) for state in absent}
    async with database.transaction() as connection:
        await repository.lock_keys(connection)
        snapshot = await repository.read_keys(connection)
        for state in missing(snapshot):
            if state in made:
                await repository.insert_key(connection, made[state], state, snapshot.now)
                log.info("key_made", kid=made[state].kid, state=state)


async def rotate(database: Database, key_encryption_key: bytes, current_kid: str) -> None:
    """Let the next key sign and make another next one, unless `current_kid` has been replaced.

    Raises:
        Unavailable: Postgres cannot be reached, or another replica holds the lock for too long.

    """
    successor = await asyncio.to_thread(rules.make, key_encryption_key)
    async with database.transaction() as connection:
        await repository.lock_keys(connection)
        snapshot = await repository.read_keys(connection)
        current = snapshot.current
        if current is None or current.kid != current_kid or deadlines.seconds_to_use(snapshot):
            return
        await repository.promote_next(connection, snapshot.now)
        await repository.insert_key(connection, successor, "next", snapshot.now)
        log.info("keys_rotated", old=current_kid, next=successor.kid)


async def forget_dead(database: Database, snapshot: Snapshot) -> None:
    """Delete what verifies nothing any more. Raises Unavailable."""
    if any(deadlines.is_dead(key, snapshot.now) for key in snapshot.keys):
        async with database.transaction() as connection:
            await repository.delete_dead(connection, snapshot.now)
