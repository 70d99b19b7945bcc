"""The service, but for one thing: it seldom asks Postgres for a user's data version.

For the control of test_never_stale: its replies come from the cache when they are true no more.
"""

import sys
from collections import Counter
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.__main__ import main
from expenses_service.changes import repository

SELDOM = 20

confirmed = repository.data_version
known: dict[UUID, int] = {}
asked: Counter[UUID] = Counter()


async def unconfirmed(connection: AsyncConnection, user_id: UUID) -> int:
    asked[user_id] += 1
    if user_id not in known or asked[user_id] % SELDOM == 0:
        known[user_id] = await confirmed(connection, user_id)
    return known[user_id]


for name, module in list(sys.modules.items()):
    if name.startswith("expenses_service") and hasattr(module, "data_version"):
        vars(module)["data_version"] = unconfirmed
main()
