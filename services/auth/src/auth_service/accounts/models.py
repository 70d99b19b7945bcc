"""The table of users, and a user as the rest of the service sees one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from auth_service.tables import metadata

EMAIL_TAKEN: Final = "users_email_key_key"

users: Final = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("email", Text, nullable=False),
    Column(
        "email_key",
        Text,
        nullable=False,
        comment="the address as it compares: normalised, case-folded",
    ),
    Column("name", Text),
    Column("time_zone", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column(
        "ver",
        Integer,
        nullable=False,
        server_default=text("1"),
        comment="authentication version: tokens of a lower one are dead",
    ),
    Column(
        "version",
        Integer,
        nullable=False,
        server_default=text("1"),
        comment="of the profile, for its entity tag",
    ),
    Column(
        "ver_raised_at",
        DateTime(timezone=True),
        comment="when ver last rose: on the revocation list then",
    ),
    Column("disabled_at", DateTime(timezone=True)),
    Column(
        "one_time_until",
        DateTime(timezone=True),
        comment="until when the password is good for one sign-in",
    ),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    UniqueConstraint("email_key", name=EMAIL_TAKEN),
    CheckConstraint("ver >= 1", name="ver"),
    CheckConstraint("version >= 1", name="version"),
)
Index(
    "users_ver_raised_at_idx",
    users.c.ver_raised_at,
    postgresql_where=text("ver_raised_at IS NOT NULL"),
)

closed_accounts: Final = Table(
    "closed_accounts",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("closed_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
)
Index("closed_accounts_closed_at_idx", closed_accounts.c.closed_at)


@dataclass(frozen=True, slots=True)
class User:
    """A row of `users` without the password's hash."""

    id: UUID
    email: str
    name: str | None
    time_zone: str
    ver: int
    version: int
    disabled_at: datetime | None
    one_time_until: datetime | None
    created_at: datetime
