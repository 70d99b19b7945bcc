"""The signed list of what was revoked in the last ten minutes, for readers inside the network."""

import json
import time
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import jwt
from fastapi import FastAPI

from tests.actors import AUTH, PASSWORD, client_of, sign_in

LIST = "/internal/v1/revocations"


def part(text: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return value


async def read(client: httpx.AsyncClient) -> tuple[dict[str, Any], str]:
    """The claims, whose signature is good by the published keys, and the entity tag."""
    answer = await client.get(LIST)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jwt")
    keys = {key["kid"]: key for key in (await client.get("/.well-known/jwks.json")).json()["keys"]}
    header = part(answer.text.split(".")[0])
    assert set(header) == {"alg", "typ", "kid"}
    assert (header["alg"], header["typ"]) == ("RS256", "rev+jwt")
    public = jwt.PyJWK(keys[header["kid"]])
    claims = json.loads(jwt.PyJWS().decode(answer.text, public, algorithms=["RS256"]))
    return claims, answer.headers["etag"]


async def test_is_empty_at_first_and_as_agreed(anonymous: httpx.AsyncClient) -> None:
    claims, _ = await read(anonymous)
    now = time.time()
    assert claims.pop("iat") - now < 2
    assert claims == {"iss": "expense-auth", "sids": [], "min_ver": {}}


async def test_lists_a_session_that_was_ended(
    anonymous: httpx.AsyncClient, ada: httpx.AsyncClient
) -> None:
    session = (await ada.get(f"{AUTH}/sessions")).json()["items"][0]["id"]
    assert (await ada.post(f"{AUTH}/logout")).status_code == 204
    claims, _ = await read(anonymous)
    assert claims["sids"] == [session]
    assert claims["min_ver"] == {}


async def test_lists_the_least_version_of_whose_sessions_were_all_ended(
    anonymous: httpx.AsyncClient, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    user = (await ada.get(f"{AUTH}/me")).json()["id"]
    assert (await ada.post(f"{AUTH}/logout-all")).status_code == 204
    claims, _ = await read(anonymous)
    assert (claims["sids"], claims["min_ver"]) == ([], {user: 2})
    assert (await bob.get(f"{AUTH}/me")).status_code == 200


async def test_a_closed_account_has_no_good_version(
    anonymous: httpx.AsyncClient, ada: httpx.AsyncClient
) -> None:
    user = (await ada.get(f"{AUTH}/me")).json()["id"]
    answer = await ada.request("DELETE", f"{AUTH}/me", json={"current_password": PASSWORD})
    assert answer.status_code == 204, answer.text
    claims, _ = await read(anonymous)
    assert claims["min_ver"] == {user: 2**31 - 1}


async def test_the_tag_is_of_what_it_says(app: FastAPI, anonymous: httpx.AsyncClient) -> None:
    _, etag = await read(anonymous)
    condition = {"If-None-Match": etag}
    unchanged = await anonymous.get(LIST, headers=condition)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == etag
    async with client_of(app) as client:
        await sign_in(client, "eve@example.com")
        await client.post(f"{AUTH}/logout")
    assert (await anonymous.get(LIST, headers=condition)).status_code == 200


async def test_an_entry_leaves_after_ten_minutes(
    anonymous: httpx.AsyncClient, ada: httpx.AsyncClient, bob: httpx.AsyncClient,
    urls: dict[str, str],
) -> None:  # fmt: skip
    await ada.post(f"{AUTH}/logout")
    await bob.post(f"{AUTH}/logout-all")
    owner = await asyncpg.connect(urls["owner"])
    try:
        for seconds, listed in ((590, 1), (601, 0)):
            past = datetime.now(UTC) - timedelta(seconds=seconds)
            await owner.execute("UPDATE revoked_sessions SET revoked_at = $1", past)
            await owner.execute("UPDATE users SET ver_raised_at = $1 WHERE ver > 1", past)
            claims, _ = await read(anonymous)
            assert (len(claims["sids"]), len(claims["min_ver"])) == (listed, listed)
    finally:
        await owner.close()
    assert (await bob.post(f"{AUTH}/refresh")).status_code == 401  # dead all the same
