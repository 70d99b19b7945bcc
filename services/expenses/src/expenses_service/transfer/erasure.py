"""All that a user has, deleted for good.

Each batch is a transaction of its own, which leaves rows, log and sums in agreement and the user's
row free for others. The last one finds nothing any more and takes the rest: then the account is
empty, whatever was written meanwhile.
"""

from typing import Final
from uuid import UUID

from expenses_service.database import Database
from expenses_service.transfer import removal

CHANGES_AT_ONCE: Final = 2000
"""About 50 ms, in which the user's other writers wait."""


async def erase(database: Database, user_id: UUID) -> int:
    """The number of expenses that were deleted. Raises Unavailable; then another try goes on."""
    total = 0
    while (erased := await _batch(database, user_id)) is not None:
        total += erased
    return total


async def _batch(database: Database, user_id: UUID) -> int | None:
    """None after the last one."""
    async with database.transaction() as connection:
        if not await removal.lock_known(connection, user_id):
            return None
        erased = await removal.erase_some(connection, user_id, CHANGES_AT_ONCE)
        if not erased:
            await removal.erase_rest(connection, user_id)
        await removal.move_on(connection, user_id)
        return erased or None
