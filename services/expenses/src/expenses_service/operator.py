"""The operator's command line: `python -m expenses_service.operator COMMAND`.

It reads the service's own settings and acts on Postgres, whether the service runs or not. What goes
wrong is said in one sentence, with exit status 1.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from expenses_service.database import Database
from expenses_service.errors import Unavailable
from expenses_service.settings import Settings, load
from expenses_service.telemetry import configure_logging
from expenses_service.transfer import erasure, removal

FROM_INPUT = "-"


async def user_list(database: Database, _: argparse.Namespace) -> None:
    """The ids of all who have data here, a line each."""
    async with database.transaction() as connection:
        users = await removal.users(connection)
    for user in users:
        _say(str(user))


async def user_erase(database: Database, chosen: argparse.Namespace) -> None:
    """Delete all data of these users for good."""
    for user in [*_users(chosen.users)]:
        erased = await erasure.erase(database, user)
        _say(f"{user}: erased, {erased} expenses with their history and all else.")


def _users(named: Sequence[str]) -> Iterator[UUID]:
    """Raises ValueError for what is no id."""
    for name in named:
        lines = sys.stdin.read().split() if name == FROM_INPUT else [name]
        for text in lines:
            try:
                yield UUID(text)
            except ValueError:
                raise ValueError(f"{text} is no id of a user; nothing was erased.") from None


def _say(sentence: str) -> None:
    print(sentence, flush=True)  # noqa: T201 - an operator reads it


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    chosen = _parser().parse_args(arguments)
    settings = load(Settings)
    configure_logging("error")  # the sentence says it all
    try:
        asyncio.run(_run(settings, chosen))
    except KeyboardInterrupt:
        reason = "Stopped; what is left goes on with the same command."
    except Unavailable:
        reason = (
            "Postgres cannot be reached, does not let us in (EXPENSES_DATABASE_URL),"
            " or has no tables: are the migrations of this release applied?"
        )
    except ValueError as error:
        reason = str(error)
    except DBAPIError:
        reason = "Postgres refuses; is the schema that of this release?"
    else:
        return 0
    print(reason, file=sys.stderr)  # noqa: T201 - an operator reads it
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m expenses_service.operator", description=__doc__
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    told = commands.add_parser("user-list", help="the ids of all who have data here")
    told.set_defaults(run=user_list)
    erase = commands.add_parser("user-erase", help="delete all data of users for good")
    erase.add_argument(
        "users", nargs="+", metavar="USER", help="a user's id, or - for ids on standard input"
    )
    erase.set_defaults(run=user_erase)
    return parser


async def _run(settings: Settings, chosen: argparse.Namespace) -> None:
    database = Database(settings.database_url, settings.database_password(), pool_size=1)
    try:
        await chosen.run(database, chosen)
    finally:
        await database.close()


if __name__ == "__main__":
    sys.exit(main())
