"""The operator's command line: `python -m auth_service.operator COMMAND`.

It reads the service's own settings and acts on Postgres, whether the service runs or not. What goes
wrong is said in one sentence, with exit status 1.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError

from auth_service.accounts import administration
from auth_service.database import Database, SchemaAbsent
from auth_service.errors import ServiceError, Unavailable
from auth_service.keys.errors import KeyEncryptionKeyWrong, KeysUnavailable
from auth_service.keys.service import HINT, RELOAD_SECONDS, KeyStore
from auth_service.resources import open_resources
from auth_service.settings import Settings, load
from auth_service.telemetry import configure_logging

MARGIN_SECONDS = 0.1  # a timer may ring a little early


async def keys_rotate(settings: Settings, database: Database, _: argparse.Namespace) -> None:
    """Let the next key sign; waits until it has been published for long enough."""
    keys = KeyStore(database, settings.key_encryption_key(), settings.key_lifetime_seconds)
    wait = await keys.seconds_to_use()
    if wait:
        _say(f"The next key is too new for every reader to have it: waiting {wait:.0f} s.")
        await asyncio.sleep(wait + MARGIN_SECONDS)
    done = await keys.rotate()
    _say(f"{done.new_kid} signs, in every replica within {RELOAD_SECONDS:.0f} s.")
    _say(f"{done.old_kid} has stopped; it leaves the key set at {done.leaves_at:%FT%TZ}.")


async def user_disable(settings: Settings, _: Database, chosen: argparse.Namespace) -> None:
    """End all that the account has; it cannot sign in until it is enabled."""
    async with open_resources(settings) as resources:
        user = await administration.disable(resources, chosen.email)
    _say(f"{user.email} is disabled: all sessions have ended, and no sign-in or token works.")


async def user_enable(settings: Settings, _: Database, chosen: argparse.Namespace) -> None:
    """Let the account sign in again."""
    async with open_resources(settings) as resources:
        user = await administration.enable(resources, chosen.email)
    _say(f"{user.email} may sign in again.")


async def user_reset(settings: Settings, _: Database, chosen: argparse.Namespace) -> None:
    """A password for one sign-in, told here and nowhere else."""
    async with open_resources(settings) as resources:
        user, password = await administration.reset(resources, chosen.email)
    _say(f"{user.email} signs in once, within {administration.ONE_TIME_HOURS} hours, with:")
    _say(f"  {password}")
    _say("All sessions have ended. A new password is set with POST /api/v1/auth/password.")


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
        reason = "Stopped."
    except KeyEncryptionKeyWrong:
        reason = f"{HINT}."
    except KeysUnavailable as error:
        reason = error.detail
    except SchemaAbsent:
        reason = "The tables are not there; are the migrations of this release applied?"
    except Unavailable:
        reason = "Postgres cannot be reached, or does not let us in (AUTH_DATABASE_URL)."
    except ServiceError as error:
        reason = error.detail
    except DBAPIError:
        reason = "Postgres refuses; is the schema that of this release?"
    else:
        return 0
    print(reason, file=sys.stderr)  # noqa: T201 - an operator reads it
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m auth_service.operator", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    rotate = commands.add_parser("keys-rotate", help="a new signing key, from now on")
    rotate.set_defaults(run=keys_rotate)
    for name, run, what in (
        ("user-disable", user_disable, "end all that an account has, and bar it"),
        ("user-enable", user_enable, "let a disabled account sign in again"),
        ("user-reset", user_reset, "give an account a one-time password"),
    ):
        command = commands.add_parser(name, help=what)
        command.add_argument("email", metavar="EMAIL", help="the address of the account")
        command.set_defaults(run=run)
    return parser


async def _run(settings: Settings, chosen: argparse.Namespace) -> None:
    database = Database(settings.database_url, settings.database_password(), pool_size=1)
    try:
        await chosen.run(settings, database, chosen)
    finally:
        await database.close()


if __name__ == "__main__":
    sys.exit(main())
