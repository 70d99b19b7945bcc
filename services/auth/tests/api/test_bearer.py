"""Access tokens in the Authorization header: what is none, and what one is not enough for."""

import httpx
import pytest
from fastapi import FastAPI

from auth_service.sessions import rules
from tests.actors import AUTH, client_of


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("Basic eDp5", "not_authenticated"),
        ("Bearer", "not_authenticated"),
        ("Bearer ", "not_authenticated"),
        ("Bearer x", "invalid_token"),
        ("Bearer \xa0x", "invalid_token"),
    ],
)
async def test_what_is_no_bearer_token_is_refused(
    anonymous: httpx.AsyncClient, authorization: str, code: str
) -> None:
    headers = {b"Authorization": authorization.encode("latin-1")}
    answer = await anonymous.get(f"{AUTH}/me", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_token_without_the_scope_is_not_enough(
    app: FastAPI, ada: httpx.AsyncClient
) -> None:
    resources = app.state.resources
    claims = await resources.keys.verify(ada.cookies["ea_access"], rules.ACCESS_TYPE)
    token = await resources.keys.sign(rules.ACCESS_TYPE, claims | {"scope": "profile:read"})
    async with client_of(app, Authorization=f"Bearer {token}") as client:
        assert (await client.get(f"{AUTH}/me")).status_code == 200
        answer = await client.patch(f"{AUTH}/me", json={"name": "x"})
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
