"""A session that is ended while something of it is under way."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

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
