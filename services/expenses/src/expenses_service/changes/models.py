"""The tables that move with every write: a user's sequence, the change log, the rollups."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from expenses_service.expenses.models import Expense
from expenses_service.tables import metadata

Action = Literal["created", "updated", "deleted", "restored"]

user_state: Final = Table(
    "user_state",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False, server_default=text("0")),
    Column("log_start", BigInteger, nullable=False, server_default=text("0")),
    Column("category_changes", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("log_start BETWEEN 0 AND seq", "log_start"),
    comment="seq: the last change; log_start: the last change erased",
)

change_log: Final = Table(
    "change_log",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("expense_id", Uuid, nullable=False),
    Column("action", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("snapshot", JSONB, nullable=False, comment="the row as this change left it"),
    UniqueConstraint("expense_id", "version"),
    CheckConstraint("action IN ('created', 'updated', 'deleted', 'restored')", "action"),
)

rollups: Final = Table(
    "rollups",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("month", Date, primary_key=True),
    Column("category", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("total", Numeric, nullable=False, comment="minor units; can pass the range of BIGINT"),
    comment="sums over live expenses; rows at zero stay",
)

data_epoch: Final = Table(
    "data_epoch",
    metadata,
    Column("single", Boolean, primary_key=True, server_default=true()),
    Column("base", BigInteger, nullable=False),
    CheckConstraint("single", "single"),
    CheckConstraint("base > 0", "base"),
    comment="microseconds since 1970 of the last restore of a backup",
)

restores: Final = Table(
    "restores",
    metadata,
    Column("base", BigInteger, primary_key=True, autoincrement=False),
    CheckConstraint("base > 0", "base"),
    comment="microseconds since 1970 of every restore of a backup",
)


class Change(Struct, frozen=True):
    """The next version of an expense, as it shall be, and what made it."""

    action: Action
    row: Expense


class LogEntry(Struct, frozen=True):
    """A change as the log has it, and the expense as it left it."""

    seq: int
    expense_id: UUID
    action: Action
    version: int
    at: datetime
    expense: Expense


class LogPage(Struct, frozen=True):
    """Some changes of a user, and where his log ended and began when they were read."""

    seq: int
    log_start: int
    entries: Sequence[LogEntry]
