"""What keeps the numbers of changes apart from those that a restored backup has forgotten.

In the tables a user's sequence goes on from where the backup was, so its numbers come again and
stand for other changes. Clients, entity tags and caches are given them with `base` added: the
moment of the last restore in microseconds, 0 before any. Nobody makes changes faster than that, so
it is above all that was given out before. A restore writes it while the service does not run.
"""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.changes.models import data_epoch, restores
from expenses_service.expenses.documents import etag
from expenses_service.expenses.models import Expense

BASE: Final = "coalesce((SELECT base FROM data_epoch), 0)"
"""For statements that are text."""

_ZERO: Final = datetime(1970, 1, 1, tzinfo=UTC)


def base() -> ColumnElement[int]:
    """The same, for statements that are not."""
    return func.coalesce(select(data_epoch.c.base).scalar_subquery(), 0)


class Epoch:
    """Every restore that there was before this process, read when it is first needed."""

    def __init__(self) -> None:
        self._bases: list[int] | None = None

    async def tag(self, connection: AsyncConnection, expense: Expense) -> str:
        """The entity tag of one expense: its version.

        One that a backup brought back and that was changed since has a version that was given out
        before, for what is lost: its tag names the restore too, the last one before the change.
        """
        if self._bases is None:
            found = await connection.execute(select(restores.c.base).order_by(restores.c.base))
            self._bases = list(found.scalars())
        before = bisect_right(self._bases, _microseconds(expense.updated_at))
        if before and _microseconds(expense.created_at) < self._bases[before - 1]:
            return f'"{expense.version}.{self._bases[before - 1]}"'
        return etag(expense)


def _microseconds(instant: datetime) -> int:
    return (instant - _ZERO) // timedelta(microseconds=1)
