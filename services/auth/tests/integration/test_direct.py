"""Single statements on a Postgres that is stopped, hung and started again."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from sqlalchemy import Integer, bindparam, make_url, select
from sqlalchemy.schema import CreateTable

from auth_service.accounts.models import users
from auth_service.database import Database, SchemaAbsent
from auth_service.direct import Direct, Statement
from auth_service.errors import Unavailable
from tests import postgres as servers
from tests.waiting import in_time

SIZE = 2
SLEEP = Statement("SELECT pg_backend_pid() AS pid FROM pg_sleep($1)", ["seconds"])
INSERT = Statement("INSERT INTO things SELECT unnest($1::integer[])", ["many"])
ANSWER = Statement("SELECT 6 * $1::integer AS n", ["factor"])


@pytest.fixture(scope="module")
def server() -> Iterator[servers.Postgres]:
    server = servers.Postgres()
    server.start()
    asyncio.run(servers.execute(server.url, "CREATE TABLE things (n integer PRIMARY KEY)"))
    yield server
    server.remove()


@pytest.fixture
async def direct(server: servers.Postgres) -> AsyncIterator[Direct]:
    database = Database(server.url, None)
    direct = Direct(database.connect, size=SIZE)
    yield direct
    await direct.close()
    await database.close()


async def answer(direct: Direct) -> int:
    [row] = await direct.fetch(ANSWER, {"factor": 7})
    return int(row["n"])


async def test_a_statement_of_core_has_its_values_by_name(direct: Direct) -> None:
    first, second = (bindparam(name, type_=Integer) for name in ("first", "second"))
    statement = Statement.of(select((first - second + first).label("n")))
    assert set(statement.names) == {"first", "second"}
    [row] = await direct.fetch(statement, {"second": 8, "first": 25})
    assert row["n"] == 42
    with pytest.raises(TypeError):
        Statement.of(CreateTable(users))


async def test_it_makes_as_many_connections_as_it_needs_up_to_its_size(direct: Direct) -> None:
    pids = [(await direct.fetch(SLEEP, {"seconds": 0}))[0]["pid"] for _ in range(3)]
    assert len(set(pids)) == 1
    rows = await asyncio.gather(*(direct.fetch(SLEEP, {"seconds": 0.05}) for _ in range(6)))
    assert len({row["pid"] for [row] in rows}) == SIZE


async def test_a_statement_commits_with_its_end_or_not_at_all(direct: Direct) -> None:
    pids = [(await direct.fetch(SLEEP, {"seconds": 0}))[0]["pid"]]
    await direct.fetch(INSERT, {"many": [1]})
    with pytest.raises(asyncpg.UniqueViolationError):
        await direct.fetch(INSERT, {"many": [2, 1]})
    found = await direct.fetch(Statement("SELECT n FROM things", []), {})
    assert [row["n"] for row in found] == [1]
    pids += [(await direct.fetch(SLEEP, {"seconds": 0}))[0]["pid"]]
    assert len(set(pids)) == 1  # a refusal costs no connection


async def test_a_server_that_restarts_is_used_again_at_once(
    server: servers.Postgres, direct: Direct
) -> None:
    assert await answer(direct) == 42
    server.stop()
    with pytest.raises(Unavailable):
        await answer(direct)
    server.start()
    assert await asyncio.gather(*(answer(direct) for _ in range(4))) == [42] * 4


@pytest.mark.parametrize("missing", [{"username": "nobody"}, {"database": "nothing"}])
async def test_what_is_not_there_yet_may_come(
    server: servers.Postgres, missing: dict[str, str]
) -> None:
    """While a backup is put back there is a server, and neither role nor database."""
    url = make_url(server.url).set(**missing)  # type: ignore[arg-type]  # parts that are texts
    database = Database(url.render_as_string(hide_password=False), None)
    direct = Direct(database.connect, size=SIZE)
    with pytest.raises(Unavailable):
        await answer(direct)
    await direct.close()
    await database.close()


async def test_a_table_that_is_not_there_yet_may_come(direct: Direct) -> None:
    with pytest.raises(SchemaAbsent):
        await direct.fetch(Statement("SELECT n FROM nothings", []), {})
    assert await answer(direct) == 42


async def test_a_session_that_is_ended_is_not_used_again(direct: Direct) -> None:
    end = Statement("SELECT pg_terminate_backend(pg_backend_pid())", [])
    for _ in range(5):
        with pytest.raises(Unavailable):
            await direct.fetch(end, {})
        assert await answer(direct) == 42


async def test_a_server_that_hangs_costs_less_than_five_seconds(
    server: servers.Postgres, direct: Direct
) -> None:
    async def hangs() -> float:
        await asyncio.gather(*(answer(direct) for _ in range(SIZE)))
        server.signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            asked = [answer(direct) for _ in range(2 * SIZE)]
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            seconds = time.monotonic() - began
        finally:
            server.signal(signal.SIGCONT)
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 2 * SIZE
        assert await answer(direct) == 42
        return seconds

    await in_time(hangs, 5)


async def test_who_hangs_up_leaves_nothing_to_the_next_one(direct: Direct) -> None:
    same = Statement("SELECT $1::int AS n", ["n"])
    for wave in range(10):
        callers = [asyncio.ensure_future(direct.fetch(same, {"n": n})) for n in range(6)]
        await asyncio.sleep(0.0005 * wave)
        for caller in callers[::2]:
            caller.cancel()
        rows = await asyncio.gather(*callers[1::2])
        assert [row["n"] for [row] in rows] == [1, 3, 5]
    assert await answer(direct) == 42


async def test_a_mistake_of_ours_is_told_as_it_is(direct: Direct) -> None:
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await direct.fetch(Statement("SELEKT", []), {})
    with pytest.raises(asyncpg.DataError):
        await direct.fetch(ANSWER, {"factor": "seven"})
    assert await answer(direct) == 42
