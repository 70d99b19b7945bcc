"""`python -m auth_service.operator` as an operator runs it."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from auth_service import operator
from auth_service.database import Database
from auth_service.keys.service import KeyStore
from auth_service.settings import Settings
from tests import postgres
from tests.integration.test_process import environment
from tests.keys import kids, passes
from tests.valkey import free_port

COMMAND = (sys.executable, "-m", "auth_service.operator")
Here = Callable[..., Awaitable[tuple[int, str, str]]]

pytestmark = pytest.mark.usefixtures("no_keys")


async def operate(settings: Settings, *arguments: str, **more: str) -> tuple[int, str, str]:
    """Exit status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, *arguments),
        env=environment(settings, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    said, wrong = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode is not None
    return process.returncode, said.decode(), wrong.decode()


@pytest.fixture
def here(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The same in this process, with other variables where given."""

    async def run(*arguments: str, **more: str) -> tuple[int, str, str]:
        for name, value in environment(settings, **more).items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        status = await asyncio.to_thread(operator.main, arguments)
        return status, *capsys.readouterr()

    return run


async def first_keys(settings: Settings, owner_url: str, seconds: float) -> dict[str, list[str]]:
    """As a replica makes them, aged by `seconds`."""
    database = Database(settings.database_url, settings.database_password())
    await KeyStore(database, settings.key_encryption_key()).load()
    await database.close()
    await passes(owner_url, seconds)
    return await kids(owner_url)


async def test_it_rotates_and_tells_what_it_did(settings: Settings, urls: dict[str, str]) -> None:
    before = await first_keys(settings, urls["owner"], 15)
    status, said, wrong = await operate(settings, "keys-rotate")
    assert (status, wrong) == (0, "")
    new, old = said.splitlines()
    assert new.startswith(f"{before['next'][0]} signs")
    assert old.startswith(f"{before['current'][0]} has stopped; it leaves the key set at 20")
    after = await kids(urls["owner"])
    assert (after["retired"], after["current"]) == (before["current"], before["next"])


async def test_it_waits_until_every_reader_has_the_next_key(
    settings: Settings, urls: dict[str, str], here: Here
) -> None:
    before = await first_keys(settings, urls["owner"], 9)  # six seconds, in which it has begun
    began = time.monotonic()
    status, said, wrong = await here("keys-rotate")
    assert (status, wrong) == (0, "")
    assert time.monotonic() - began > 1
    assert "too new for every reader" in said.splitlines()[0]
    assert (await kids(urls["owner"]))["current"] == before["next"]


async def test_stopped_while_it_waits_it_has_changed_nothing(
    settings: Settings, urls: dict[str, str]
) -> None:
    """Where there are no keys at all, it makes them first, as a replica does."""
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "keys-rotate"),
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert b"waiting 1" in await process.stdout.readline()
    before = await kids(urls["owner"])
    process.send_signal(signal.SIGINT)
    assert await process.communicate() == (b"", b"Stopped.\n")
    assert process.returncode == 1
    assert [len(before[state]) for state in ("next", "current", "retired")] == [1, 1, 0]
    assert await kids(urls["owner"]) == before


async def test_two_at_once_rotate_once(settings: Settings, urls: dict[str, str]) -> None:
    await first_keys(settings, urls["owner"], 0)  # fifteen seconds, in which both have begun
    one, other = await asyncio.gather(*(operate(settings, "keys-rotate") for _ in range(2)))
    assert one[0] == other[0] == 0
    assert one[1].splitlines()[-2:] == other[1].splitlines()[-2:]
    assert len((await kids(urls["owner"]))["retired"]) == 1


async def test_what_is_wrong_is_said_in_a_sentence(
    settings: Settings, urls: dict[str, str], here: Here, tmp_path: Path
) -> None:
    before = await first_keys(settings, urls["owner"], 60)
    nowhere = f"postgresql://auth_app@127.0.0.1:{free_port()}/auth"
    other = tmp_path / "not_that_key"
    other.write_text("A" * 43)
    for sentence, variables in {
        "Postgres cannot be reached": {"AUTH_DATABASE_URL": nowhere},
        "is not the secret that": {"AUTH_KEY_ENCRYPTION_KEY_FILE": str(other)},
    }.items():
        for run in (here, partial(operate, settings)):
            status, said, wrong = await run("keys-rotate", **variables)
            assert (status, said) == (1, "")
            assert sentence in wrong
            assert wrong.count("\n") == 1
    status, _, wrong = await operate(
        settings, "keys-rotate", AUTH_KEY_ENCRYPTION_KEY_FILE="/absent"
    )
    assert status == 1
    assert "AUTH_KEY_ENCRYPTION_KEY_FILE is not valid: /absent cannot be read" in wrong
    assert await kids(urls["owner"]) == before


async def test_without_the_schema_it_names_the_migrations(urls: dict[str, str], here: Here) -> None:
    hide = "ALTER TABLE signing_keys RENAME TO hidden"
    await postgres.execute(urls["owner"], hide)
    try:
        status, said, wrong = await here("keys-rotate")
    finally:
        await postgres.execute(urls["owner"], "ALTER TABLE hidden RENAME TO signing_keys")
    assert (status, said) == (1, "")
    assert "migrations" in wrong
    assert wrong.count("\n") == 1


async def test_an_unknown_command_names_those_there_are(settings: Settings) -> None:
    for arguments in ((), ("keys-burn",)):
        status, said, wrong = await operate(settings, *arguments)
        assert (status, said) == (2, "")
        assert "usage:" in wrong
    status, said, _ = await operate(settings, "--help")
    assert status == 0
    assert "keys-rotate" in said
