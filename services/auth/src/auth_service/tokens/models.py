"""The table of personal access tokens, and one as the rest of the service sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Column, DateTime, ForeignKey, Index, LargeBinary, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from auth_service.accounts.models import User
from auth_service.tables import metadata

personal_access_tokens: Final = Table(
    "personal_access_tokens",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column(
        "user_id",
        Uuid,
        ForeignKey("users.id", name="personal_access_tokens_user_id_fkey", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("secret_sha256", LargeBinary, nullable=False, comment="SHA-256 of the token's text"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("expires_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
)
Index(
    "personal_access_tokens_user_id_id_idx",
    personal_access_tokens.c.user_id,
    personal_access_tokens.c.id,
)


@dataclass(frozen=True, slots=True)
class PersonalToken:
    """A row of `personal_access_tokens` without the secret's digest."""

    id: UUID
    user_id: UUID
    name: str
    scopes: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What an exchange needs: the token, its digest, and its user as they are now."""

    token: PersonalToken
    secret_sha256: bytes
    user: User
