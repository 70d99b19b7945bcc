"""The service, but for one thing: it seldom asks Postgres for a user's data version.

For the control of test_never_stale: its replies come from the cache when they are true no more.
"""

import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from operator import setitem
from typing import Any
from uuid import UUID

from expenses_service.__main__ import main
from expenses_service.changes import repository
from expenses_service.changes.versions import VersionReader
from tests.patience import be_patient

SELDOM = 20

Confirm = Callable[[Any, UUID], Awaitable[int]]
"""By a connection, or by a reader that has one."""

known: dict[UUID, int] = {}
asked: Counter[UUID] = Counter()


def seldom(confirmed: Confirm) -> Confirm:
    async def unconfirmed(source: Any, user_id: UUID) -> int:  # noqa: ANN401 - handed on
        asked[user_id] += 1
        if user_id not in known or asked[user_id] % SELDOM == 0:
            known[user_id] = await confirmed(source, user_id)
        return known[user_id]

    return unconfirmed


be_patient(setitem)
unconfirmed = seldom(repository.data_version)
for name, module in list(sys.modules.items()):
    if name.startswith("expenses_service") and hasattr(module, "data_version"):
        vars(module)["data_version"] = unconfirmed
VersionReader.read = seldom(VersionReader.read)  # type: ignore[assignment,method-assign]  # the control
main()
