"""What a user's last few changes left, for who has everything before them: a hot statement."""

from typing import Final
from uuid import UUID

from msgspec import Struct, ValidationError, json

from expenses_service.changes.epochs import BASE
from expenses_service.changes.rules import expense_of
from expenses_service.currencies.rules import CURRENCIES
from expenses_service.direct import Direct
from expenses_service.expenses.models import Expense

MOST: Final = 16
"""Changes; after more of them it is as well to begin anew."""

# One change more than may be, which tells that there are too many.
_LATEST: Final = f"""
SELECT s.seq + e.base AS version, l.snapshot
FROM user_state AS s
CROSS JOIN (SELECT {BASE} AS base) AS e
LEFT JOIN LATERAL (
  SELECT c.seq, c.snapshot FROM change_log AS c
  WHERE c.user_id = $1::uuid AND c.seq > $2::bigint - e.base
  ORDER BY c.seq
  LIMIT {MOST + 1}) AS l ON true
WHERE s.user_id = $1::uuid
ORDER BY l.seq
"""  # noqa: S608 - of constants


_FIELDS: Final = frozenset(Expense.__struct_fields__)


class Latest(Struct, frozen=True):
    """A data version, and in order the expenses as each change left them that led to it."""

    version: int
    expenses: list[Expense]


async def latest_changes(direct: Direct, user_id: UUID, since: int) -> Latest | None:
    """All changes after the data version `since`, read in one snapshot with the present one.

    None if the log does not have every one of them, or if they are more than MOST: so what a
    restore or an erasure made of the data is never taken for a few changes. None also where one is
    of another release, whose values this one does not know, or which did not know all that an
    expense has: what its snapshot lacks, the row may hold. Raises Unavailable.
    """
    rows = await direct.fetch(_LATEST, user_id, since)
    snapshots = [snapshot for _, snapshot in rows if snapshot is not None]
    version = rows[0]["version"] if rows else 0
    if len(snapshots) != version - since or len(snapshots) > MOST:
        return None
    documents = [json.decode(snapshot) for snapshot in snapshots]
    if not all(document.keys() >= _FIELDS for document in documents):
        return None
    try:
        expenses = [expense_of(document) for document in documents]
    except ValidationError:
        return None
    is_known = all(expense.currency in CURRENCIES for expense in expenses)
    return Latest(version, expenses) if is_known else None
