"""`python -m expenses_service.operator` as an operator runs it."""

import asyncio
import io
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

from expenses_service import operator
from expenses_service.settings import Settings
from tests import postgres
from tests.integration.test_process import environment
from tests.records import flood
from tests.tokens import user_id
from tests.valkey import free_port

COMMAND = (sys.executable, "-m", "expenses_service.operator")
ONE, TWO, OTHER = (str(user_id(number)) for number in (1, 2, 3))
Here = Callable[..., Awaitable[tuple[int, str, str]]]


async def operate(settings: Settings, *arguments: str, given: str = "") -> tuple[int, str, str]:
    """Exit status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, *arguments),
        env=environment(settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    said, wrong = await asyncio.wait_for(process.communicate(given.encode()), 60)
    assert process.returncode is not None
    return process.returncode, said.decode(), wrong.decode()


@pytest.fixture
def here(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The same in this process, with other variables where given."""

    async def run(*arguments: str, given: str = "", **more: str) -> tuple[int, str, str]:
        for name, value in environment(settings, **more).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        capsys.readouterr()
        status = await asyncio.to_thread(operator.main, arguments)
        return status, *capsys.readouterr()

    return run


@pytest.fixture
async def data(urls: dict[str, str]) -> None:
    for number, count in ((1, 3), (2, 4), (3, 5)):
        await flood(urls["owner"], user_id(number), count)


@pytest.mark.usefixtures("data")
async def test_it_lists_who_has_data_and_erases_whom_it_is_told(here: Here) -> None:
    assert await here("user-list") == (0, f"{ONE}\n{TWO}\n{OTHER}\n", "")
    status, said, wrong = await here("user-erase", TWO, ONE)
    assert (status, wrong) == (0, "")
    assert [line.split(" with")[0] for line in said.splitlines()] == [
        f"{TWO}: erased, 4 expenses",
        f"{ONE}: erased, 3 expenses",
    ]
    assert await here("user-list") == (0, f"{OTHER}\n", "")
    status, said, _ = await here("user-erase", ONE)
    assert (status, said.split(" with")[0]) == (0, f"{ONE}: erased, 0 expenses")


@pytest.mark.usefixtures("data")
async def test_ids_may_come_from_standard_input(settings: Settings, here: Here) -> None:
    status, said, _ = await here("user-erase", "-", given=f"{ONE}\n\n  {TWO}\n")
    assert (status, said.count("erased")) == (0, 2)
    status, said, wrong = await operate(settings, "user-erase", "-", given=f"{OTHER}\n")
    assert (status, wrong) == (0, "")
    assert said.startswith(f"{OTHER}: erased, 5 expenses")
    assert await here("user-list") == (0, "", "")


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("names", [(ONE, "ada@example.com"), (ONE, "-"), ("7",), ("",)])
async def test_one_id_that_is_none_leaves_all_of_them(here: Here, names: tuple[str, ...]) -> None:
    status, said, wrong = await here("user-erase", *names, given="x\n")
    assert (status, said) == (1, "")
    assert "is no id of a user; nothing was erased." in wrong
    assert wrong.count("\n") == 1
    assert (await here("user-list"))[1].count("\n") == 3


async def test_what_is_wrong_is_said_in_a_sentence(here: Here, urls: dict[str, str]) -> None:
    nowhere = f"postgresql://expenses_app@127.0.0.1:{free_port()}/expenses"
    said = [await here("user-erase", ONE, EXPENSES_DATABASE_URL=nowhere)]
    hide = "ALTER TABLE user_state RENAME {} TO {}"
    await postgres.execute(urls["owner"], "ALTER TABLE user_state RENAME TO hidden")
    try:
        said.append(await here("user-erase", ONE))
    finally:
        await postgres.execute(urls["owner"], "ALTER TABLE hidden RENAME TO user_state")
    column = hide.format("seq", "hidden")
    await postgres.execute(urls["owner"], column)
    try:
        said.append(await here("user-erase", ONE))
    finally:
        await postgres.execute(urls["owner"], hide.format("hidden", "seq"))
    for (status, output, wrong), word in zip(
        said, ("cannot be reached", "migrations", "schema"), strict=True
    ):
        assert (status, output) == (1, "")
        assert word in wrong
        assert wrong.count("\n") == 1


async def test_an_unknown_command_names_those_there_are(settings: Settings) -> None:
    for arguments in ((), ("user-burn",), ("user-erase",)):
        status, said, wrong = await operate(settings, *arguments)
        assert (status, said) == (2, "")
        assert "usage:" in wrong
    status, said, _ = await operate(settings, "--help")
    assert status == 0
    assert "user-erase" in said
