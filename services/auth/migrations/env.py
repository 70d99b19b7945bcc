"""Runs the migrations as the owner's role, one transaction for each, with a lock time-out."""

import asyncio
from importlib import import_module

from alembic import context
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from auth_service.database import database_url
from auth_service.settings import MigrationSettings, load
from auth_service.tables import metadata

FEATURES = ("accounts", "events", "keys", "revocations", "tokens")  # those that have tables
LOCK_TIMEOUT = "2s"  # a migration that waits longer would hold up the writers behind it


for feature in FEATURES:
    import_module(f"auth_service.{feature}.models")


def is_of_a_later_release(connection: Connection) -> bool:
    """Whether the schema has revisions that this release does not know."""
    there = MigrationContext.configure(connection).get_current_heads()
    connection.rollback()
    scripts = ScriptDirectory.from_config(context.config).walk_revisions()
    return not {script.revision for script in scripts}.issuperset(there)


def migrate(connection: Connection) -> None:
    """Run what is asked of Alembic on `connection`.

    The way back to the release before is to run its code: on a later schema its upgrade has nothing
    to do, since each release leaves one that the release before can live with.
    """
    command = getattr(context.config.cmd_opts, "cmd", None)
    if command and command[0].__name__ == "upgrade" and is_of_a_later_release(connection):
        print("The schema is a later release's: nothing to do.")  # noqa: T201 - to who runs the job
        return
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def main() -> None:
    """Connect with the settings AUTH_MIGRATION_…, migrate, disconnect."""
    settings = load(MigrationSettings)
    url = database_url(settings.database_url, settings.database_password())
    engine = create_async_engine(url, poolclass=NullPool, hide_parameters=True)
    async with engine.connect() as connection:
        await connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        await connection.commit()
        await connection.run_sync(migrate)
        await connection.commit()
    await engine.dispose()


asyncio.run(main())
