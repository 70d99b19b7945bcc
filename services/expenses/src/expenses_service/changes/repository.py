"""The one writer of expenses, the data version that it moves, and the log that it leaves."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from msgspec import json
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Subquery,
    Text,
    and_,
    cast,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.changes.epochs import base
from expenses_service.changes.models import Change, LogEntry, LogPage, change_log, user_state
from expenses_service.changes.rules import PART_BYTES, expense_of
from expenses_service.changes.statements import (
    ADD_USER,
    FREE_EXTERNAL_IDS,
    INSERT_EXPENSES,
    LOCK_USER,
    MOVE_CATEGORY,
    UPDATE_EXPENSES,
    WRITE_EXPENSES,
)
from expenses_service.expenses.models import Expense

VERSIONS_AT_ONCE: Final = 250

_ENTRY: Final = [
    (change_log.c.seq + base()).label("seq"),
    *(change_log.c[name] for name in ("expense_id", "action", "version", "at")),
    cast(change_log.c.snapshot, Text).label("snapshot"),
]


async def data_version(connection: AsyncConnection, user_id: UUID) -> int:
    """The number of the user's last change; 0 before the first."""
    statement = select(user_state.c.seq + base()).where(user_state.c.user_id == user_id)
    return await connection.scalar(statement) or 0


async def lock_user(connection: AsyncConnection, user_id: UUID) -> int:
    """Take the user's row until the transaction ends and return its data version.

    The first statement of every write, of categories too: what is read after it stays true until
    the commit, and two writes of one user never meet in the middle. Makes the row when missing.
    """
    seq = (await connection.exec_driver_sql(LOCK_USER, (user_id,))).scalar()
    if seq is None:
        await connection.exec_driver_sql(ADD_USER, (user_id,))
        seq = (await connection.exec_driver_sql(LOCK_USER, (user_id,))).scalar_one()
    return int(seq)


async def insert_expenses(
    connection: AsyncConnection, user_id: UUID, rows: Sequence[Expense]
) -> int:
    """Write new expenses, in order, and return the data version that this makes.

    Raises IntegrityError with the constraint `expenses_external` when an external id is taken.
    """
    return await _write(connection, INSERT_EXPENSES, user_id, rows)


async def update_expenses(
    connection: AsyncConnection, user_id: UUID, changes: Sequence[Change]
) -> int:
    """Write the next version of expenses, in order, and return the data version that this makes.

    Each row carries the version that it is to have, one above the stored one, and no id may come
    twice in one call. Raises IntegrityError like `insert_expenses`.
    """
    return await _write(connection, UPDATE_EXPENSES, user_id, changes)


async def write_expenses(
    connection: AsyncConnection,
    user_id: UUID,
    changes: Sequence[Change],
    handed_over: Sequence[UUID] = (),
) -> int:
    """Write any mixture of changes, in order, and return the data version that this makes.

    An id may come several times, each time with the next version; a new one begins with version 1.
    `handed_over` are the stored rows whose external id another of these rows gets. Raises
    IntegrityError like `insert_expenses`.
    """
    if handed_over:
        await connection.exec_driver_sql(FREE_EXTERNAL_IDS, (user_id, list(handed_over)))
    rows = len({change.row.id for change in changes})
    return await _write(connection, WRITE_EXPENSES, user_id, changes, rows)


async def move_category(
    connection: AsyncConnection, user_id: UUID, category: str, target: str, limit: int
) -> int:
    """Move up to `limit` live expenses to another category, each a version; how many there were."""
    values = (user_id, category, target, datetime.now(UTC), limit)
    result = (await connection.exec_driver_sql(MOVE_CATEGORY, values)).one_or_none()
    if result is None:
        raise RuntimeError("a write needs the user's lock")
    return int(result.written)


async def _write(
    connection: AsyncConnection,
    statement: str,
    user_id: UUID,
    images: Sequence[object],
    rows: int | None = None,
) -> int:
    document = json.encode(images).decode()
    result = (await connection.exec_driver_sql(statement, (user_id, document))).one_or_none()
    if result is None or result.written != (len(images) if rows is None else rows):
        message = "a write needs the user's lock, and rows that are current under it"
        raise RuntimeError(message)
    return int(result.seq)


async def changes_after(
    connection: AsyncConnection, user_id: UUID, since: int, limit: int, most_bytes: int
) -> LogPage:
    """Changes after number `since`, and the ends of the log in the same snapshot.

    Up to `limit` of them, and one or as many as have `most_bytes`.
    """
    log = change_log.c
    beyond = log.seq > literal(since, BigInteger) - base()
    wanted = select(*_ENTRY).where(log.user_id == user_id, beyond)
    some = _sized(wanted.order_by(log.seq).limit(limit), "seq")
    last, start = (user_state.c[name] + base() for name in ("seq", "log_start"))
    state = select(last.label("last"), start.label("start"))
    ends = state.where(user_state.c.user_id == user_id).subquery()
    fit = some.c.before < most_bytes
    joined = select(ends, some).select_from(ends.outerjoin(some, fit)).order_by(some.c.seq)
    rows = (await connection.execute(joined)).all()
    if not rows:
        return LogPage(0, 0, [])
    entries = [_entry(row) for row in rows if row.seq is not None]
    return LogPage(rows[0].last, rows[0].start, entries)


async def versions_of(
    connection: AsyncConnection, user_id: UUID, expense_id: UUID
) -> tuple[int, datetime, list[LogEntry]] | None:
    """An expense's newest version, its instant, and the first part of all versions, oldest first.

    None when there is no such expense.
    """
    log, mine = change_log.c, _of(user_id, expense_id)
    newest = select(log.version.label("last"), log.at.label("last_at")).where(mine)
    last = newest.order_by(log.version.desc()).limit(1).subquery()
    some = _part(select(*_ENTRY).where(mine))
    joined = select(last, some).join_from(last, some, some.c.before < PART_BYTES)
    rows = (await connection.execute(joined.order_by(some.c.version))).all()
    return (rows[0].last, rows[0].last_at, [_entry(row) for row in rows]) if rows else None


async def versions_after(
    connection: AsyncConnection, user_id: UUID, expense_id: UUID, after: int, last: int
) -> list[LogEntry]:
    """The next part of an expense's versions up to number `last`, oldest first."""
    log, mine = change_log.c, _of(user_id, expense_id)
    some = _part(select(*_ENTRY).where(mine, log.version > after, log.version <= last))
    fit = select(some).where(some.c.before < PART_BYTES).order_by(some.c.version)
    return [_entry(row) for row in await connection.execute(fit)]


def _of(user_id: UUID, expense_id: UUID) -> ColumnElement[bool]:
    """The versions of the user's expense; `IS TRUE` leaves their key as the only way to them.

    Postgres would else read all of the user's log beside it until it knows how long that is.
    """
    log = change_log.c
    return and_(log.expense_id == expense_id, (log.user_id == user_id).is_(true()))


def _part(versions: Select[Any]) -> Subquery:
    return _sized(versions.order_by(change_log.c.version).limit(VERSIONS_AT_ONCE), "version")


def _sized(entries: Select[Any], order: str) -> Subquery:
    """The entries, each with how many bytes of snapshots stand `before` it in that order."""
    some = entries.subquery()
    size = func.octet_length(some.c.snapshot)
    before = func.sum(size).over(order_by=some.c[order]) - size
    return select(some, before.label("before")).subquery()


def _entry(row: Row[Any]) -> LogEntry:
    snapshot = expense_of(json.decode(row.snapshot))
    return LogEntry(row.seq, row.expense_id, row.action, row.version, row.at, snapshot)
