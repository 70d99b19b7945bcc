import asyncio

import asyncpg
import pytest

import auth_service.app  # noqa: F401 - with it all models are there
from auth_service.tables import metadata
from tests import postgres

KEYS = "SELECT email, email_key FROM users"


def test_up_down_up(superuser_url: str) -> None:
    urls = postgres.make_database(superuser_url)
    try:
        postgres.migrate(urls["owner"], "downgrade", "base")
        postgres.migrate(urls["owner"], "upgrade", "head")
        postgres.migrate(urls["owner"], "upgrade", "head")
    finally:
        postgres.drop_database(superuser_url, urls["name"])


def test_addresses_that_were_there_are_folded_and_back(superuser_url: str) -> None:
    urls = postgres.make_database(superuser_url)
    emails = {
        "ΟΔΟΣ@example.com": ("οδος@example.com", "οδοσ@example.com"),
        "Straße@example.com": ("straße@example.com", "strasse@example.com"),
        "Ada@example.com": ("ada@example.com", "ada@example.com"),
        "Groß@example.com": ("groß@example.com", "groß@example.com"),  # of two that are alike
        "gross@example.com": ("gross@example.com", "gross@example.com"),
    }
    before = {email: keys[0] for email, keys in emails.items()}
    after = {email: keys[1] for email, keys in emails.items()}
    try:
        postgres.migrate(urls["owner"], "downgrade", "2026_11_24_tokens_and_versions")
        asyncio.run(_register(urls["owner"], before))
        postgres.migrate(urls["owner"], "upgrade", "head")
        assert asyncio.run(_keys(urls["owner"])) == after
        postgres.migrate(urls["owner"], "downgrade", "2026_11_24_tokens_and_versions")
        assert asyncio.run(_keys(urls["owner"])) == before
    finally:
        postgres.drop_database(superuser_url, urls["name"])


async def _register(url: str, keys: dict[str, str]) -> None:
    statement = (
        "INSERT INTO users (email, email_key, time_zone, password_hash) VALUES ($1, $2, 'UTC', 'x')"
    )
    connection = await asyncpg.connect(url)
    try:
        await connection.executemany(statement, list(keys.items()))
    finally:
        await connection.close()


async def _keys(url: str) -> dict[str, str]:
    connection = await asyncpg.connect(url)
    try:
        return {row["email"]: row["email_key"] for row in await connection.fetch(KEYS)}
    finally:
        await connection.close()


def test_a_new_database_has_no_account(superuser_url: str) -> None:
    urls = postgres.make_database(superuser_url)
    try:
        assert asyncio.run(_users(urls["owner"])) == 0
    finally:
        postgres.drop_database(superuser_url, urls["name"])


async def _users(url: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("SELECT count(*) FROM users")
    finally:
        await connection.close()


def test_models_and_migrations_agree(migrated: dict[str, str]) -> None:
    assert "No new upgrade operations detected" in postgres.migrate(migrated["owner"], "check")


async def test_models_name_the_same_constraints(urls: dict[str, str]) -> None:
    """Alembic does not compare CHECK constraints, and conflicts are told by names."""
    connection = await asyncpg.connect(urls["owner"])
    try:
        rows = await connection.fetch(
            "SELECT conrelid::regclass::text AS relation, conname AS name FROM pg_constraint"
            " WHERE contype IN ('c', 'p', 'u', 'f') AND connamespace = 'auth'::regnamespace"
        )
    finally:
        await connection.close()
    there = {(row["relation"], row["name"]) for row in rows}
    declared = {
        (table.name, str(constraint.name))
        for table in metadata.sorted_tables
        for constraint in table.constraints
    }
    assert there - {("alembic_version", "alembic_version_pkc")} == declared


async def test_the_app_role_reads_and_writes_rows_only(urls: dict[str, str]) -> None:
    connection = await asyncpg.connect(urls["app"])
    try:
        for statement in ("DROP TABLE users", "CREATE TABLE more ()", "TRUNCATE users"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()
