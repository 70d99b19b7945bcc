"""The table of personal access tokens."""

from typing import Final

from sqlalchemy import Column, DateTime, ForeignKey, Index, LargeBinary, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

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
