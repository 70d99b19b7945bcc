import asyncio

import asyncpg
import pytest
from sqlalchemy import make_url

import expenses_service.app  # noqa: F401 - with it all models are there
from expenses_service.tables import metadata
from tests import postgres


def test_up_down_up(superuser_url: str) -> None:
    urls = postgres.make_database(superuser_url)
    try:
        postgres.migrate(urls["owner"], "downgrade", "base")
        postgres.migrate(urls["owner"], "upgrade", "head")
        postgres.migrate(urls["owner"], "upgrade", "head")
    finally:
        postgres.drop_database(superuser_url, urls["name"])


def test_indexes_that_were_cut_off_are_made_anew(superuser_url: str) -> None:
    """They are made outside a transaction, so that an attempt can leave a part of them."""
    urls = postgres.make_database(superuser_url)
    try:
        broken = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'expenses.{}'::regclass"
        here = make_url(superuser_url).set(database=urls["name"])
        asyncio.run(
            postgres.execute(
                here.render_as_string(hide_password=False),
                "DROP INDEX expenses.expenses_words",
                broken.format("expenses_created"),
            )
        )
        postgres.migrate(urls["owner"], "stamp", "2026_11_24_initial")
        postgres.migrate(urls["owner"], "upgrade", "head")
        found = asyncio.run(validity(urls["owner"]))
    finally:
        postgres.drop_database(superuser_url, urls["name"])
    assert found == {"expenses_words": True, "expenses_created": True}


async def validity(url: str) -> dict[str, bool]:
    """Whether these two are there and valid."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid"
            " WHERE relname IN ('expenses_words', 'expenses_created')"
        )
    finally:
        await connection.close()
    return {row["relname"]: row["indisvalid"] for row in rows}


def test_models_and_migrations_agree(migrated: dict[str, str]) -> None:
    assert "No new upgrade operations detected" in postgres.migrate(migrated["owner"], "check")


async def test_models_name_the_same_constraints(urls: dict[str, str]) -> None:
    """Alembic does not compare CHECK constraints, and conflicts are told by names."""
    connection = await asyncpg.connect(urls["owner"])
    try:
        rows = await connection.fetch(
            "SELECT conrelid::regclass::text AS relation, conname AS name FROM pg_constraint"
            " WHERE contype IN ('c', 'p', 'u', 'f') AND connamespace = 'expenses'::regnamespace"
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
        for statement in ("DROP TABLE expenses", "CREATE TABLE more ()", "TRUNCATE expenses"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()
