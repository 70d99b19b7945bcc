"""The table of expenses and the value of one row of it."""

from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from expenses_service.tables import metadata

Kind = Literal["expense", "refund"]
PaymentMethod = Literal["cash", "card", "bank_transfer", "direct_debit", "wallet", "other"]


class Expense(Struct, frozen=True):
    """One version of an expense, as it is stored: in the row and in the change log's snapshot."""

    id: UUID
    kind: Kind
    amount: int
    """Minor units of `currency`."""
    currency: str
    spent_on: date
    description: str
    merchant: str | None
    category: str
    tags: list[str]
    payment_method: PaymentMethod | None
    notes: str | None
    metadata: dict[str, str]
    source: str | None
    external_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class ExternalKey(Struct, frozen=True):
    """How another system names an expense: one expense of a user for each."""

    source: str
    external_id: str


expenses: Final = Table(
    "expenses",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger, nullable=False, comment="minor units of the currency"),
    Column("currency", Text, nullable=False),
    Column("spent_on", Date, nullable=False),
    Column("description", Text, nullable=False),
    Column("merchant", Text),
    Column("category", Text, nullable=False),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("payment_method", Text),
    Column("notes", Text),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'")),
    Column("source", Text),
    Column("external_id", Text),
    Column("version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("deleted_at", DateTime(timezone=True)),
    CheckConstraint("kind IN ('expense', 'refund')", "kind"),
    CheckConstraint("amount BETWEEN 1 AND 999999999999999", "amount"),
    CheckConstraint("char_length(currency) = 3", "currency"),
    CheckConstraint("spent_on BETWEEN '1900-01-01' AND '2999-12-31'", "spent_on"),
    CheckConstraint("char_length(description) BETWEEN 1 AND 200", "description"),
    CheckConstraint(
        "payment_method IN ('cash', 'card', 'bank_transfer', 'direct_debit', 'wallet', 'other')",
        "payment_method",
    ),
    CheckConstraint("cardinality(tags) <= 20", "tags"),
    CheckConstraint("(source IS NULL) = (external_id IS NULL)", "external"),
    CheckConstraint("version >= 1", "version"),
)

LIVE: Final = expenses.c.deleted_at.is_(None)

Index(
    "expenses_list",
    expenses.c.user_id,
    expenses.c.spent_on.desc(),
    expenses.c.id.desc(),
    postgresql_where=LIVE,
)
Index(
    "expenses_amount",
    expenses.c.user_id,
    expenses.c.currency,
    expenses.c.amount,
    expenses.c.id,
    postgresql_where=LIVE,
)
Index(
    "expenses_created",
    expenses.c.user_id,
    expenses.c.created_at,
    expenses.c.id,
    postgresql_where=LIVE,
)

WORDS: Final = func.array_to_tsvector(
    func.expense_words(
        expenses.c.user_id, expenses.c.description, expenses.c.merchant, expenses.c.notes
    )
)
"""The words of an expense, marked as its owner's; the function is the database's own."""

Index(
    "expenses_words",
    WORDS,
    postgresql_using="gin",
    postgresql_with={"fastupdate": "off"},
    postgresql_where=LIVE,
)

EXTERNAL: Final = Index(
    "expenses_external",
    expenses.c.user_id,
    expenses.c.source,
    expenses.c.external_id,
    unique=True,
    postgresql_where=expenses.c.external_id.is_not(None),
)
"""One expense for each external id of a user; deleted ones keep theirs."""
