"""The table of what users changed, added or deleted; the usual set itself is in the rules."""

from typing import Final

from sqlalchemy import Boolean, Column, DateTime, Integer, Table, Text, Uuid, false

from expenses_service.tables import metadata

categories: Final = Table(
    "categories",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("slug", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("archived", Boolean, nullable=False, server_default=false()),
    Column("deleted", Boolean, nullable=False, server_default=false()),
    Column("version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)
