"""A session that is ended while something of it is under way."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.accounts.repository import find_credentials
from auth_service.events.models import Client
from auth_service.revocations.repository import is_revoked
from auth_service.sessions.endings import end_all
from tests.actors import AUTH, PASSWORD, client_of
from tests.api.test_password import CHANGE, NEW, close, login, session_ids


@pytest.mark.parametrize("ending", ["that session", "all of them", "the password"])
@pytest.mark.parametrize("asked", ["/password", "/me"])
async def test_a_session_that_is_ended_while_the_password_is_looked_at_does_nothing_more(
    app: FastAPI, ada: httpx.AsyncClient, asked: str, ending: str
) -> None:
    """It takes a moment, and whoever ends the session in it is told that it is dead."""
    passwords = app.state.resources.passwords
    verify = passwords.verify
    (own,) = await session_ids(ada)
    async with client_of(app) as phone:
        await login(phone, PASSWORD)

        async def end(*arguments: Any) -> Any:  # noqa: ANN401 - those of verify
            passwords.verify = verify
            matches = await verify(*arguments)
            if ending == "that session":
                ended = await phone.delete(f"{AUTH}/sessions/{own}")
            elif ending == "all of them":
                ended = await phone.post(f"{AUTH}/logout-all")
            else:
                ended = await phone.post(f"{AUTH}/password", json=CHANGE)
            assert ended.status_code == 204
            return matches

        passwords.verify = end
        if asked == "/me":
            answer = await close(ada, current_password=PASSWORD)
        else:
            other = CHANGE | {"new_password": NEW + "!"}
            answer = await ada.post(f"{AUTH}/password", json=other)
        assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")
        left = NEW if ending == "the password" else PASSWORD
        assert (await login(phone, left)).status_code == 200
        assert len(await session_ids(phone)) == (1 if ending == "all of them" else 2)


async def test_a_session_ends_before_the_password_changes_or_after(
    app: FastAPI, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is told that it is dead is told so after all that it still did."""
    (own,) = await session_ids(ada)
    ending: list[asyncio.Task[httpx.Response]] = []
    async with client_of(app) as phone:
        await login(phone, PASSWORD)

        async def ask(connection: AsyncConnection, session_id: UUID) -> bool:
            ended = await is_revoked(connection, session_id)
            ending.append(asyncio.create_task(phone.delete(f"{AUTH}/sessions/{own}")))
            assert not (await asyncio.wait(ending, timeout=1))[0]
            return ended

        monkeypatch.setattr("auth_service.accounts.credentials.is_revoked", ask)
        assert (await ada.post(f"{AUTH}/password", json=CHANGE)).status_code == 204
        assert (await ending[0]).status_code == 204


async def test_a_session_of_a_closed_account_leaves_no_word(
    app: FastAPI, ada: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    """Its owner's address and browser are gone with the account, and stay so."""
    known = await find_credentials(app.state.resources.direct, "ada@example.com")
    assert known
    found, _ = known
    async with client_of(app) as phone:
        await login(phone, PASSWORD)
        assert (await close(ada, current_password=PASSWORD)).status_code == 204
        assert (await phone.post(f"{AUTH}/logout")).status_code == 204
    await end_all(app.state.resources, found, None, Client(ip="192.0.2.0", user_agent="a"))
    owner = await asyncpg.connect(urls["owner"])
    try:
        for table in ("security_events", "revoked_sessions"):
            assert await owner.fetch(f"SELECT * FROM {table}") == []  # noqa: S608 - no input
    finally:
        await owner.close()
