"""What the gateway gets for a personal access token, and when it gets nothing."""

import zlib
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from tests.actors import AUTH, PASSWORD, client_of
from tests.personal_tokens import EXCHANGE, FORM, TOKENS, access_of, claims_of, create, exchange


async def test_is_exchanged_for_a_short_access_token_of_its_scopes(
    app: FastAPI, ada: httpx.AsyncClient
) -> None:
    token = await create(ada)
    answer = await exchange(app, token["token"])
    claims = claims_of(access_of(answer))
    assert (claims["client_id"], claims["sid"]) == ("pat", token["id"])
    assert claims["scope"] == "expenses:read profile:read"
    assert 285 <= claims["exp"] - claims["iat"] <= 300
    assert claims["sub"] == (await ada.get(f"{AUTH}/me")).json()["id"]
    async with client_of(app, Authorization=answer.headers["authorization"]) as script:
        assert (await script.get(f"{AUTH}/me")).status_code == 200
        for method, path, body in (
            ("PATCH", "/me", {"name": "x"}),
            ("DELETE", "/me", {"current_password": PASSWORD}),
            ("POST", "/tokens", FORM),
            ("DELETE", f"/tokens/{token['id']}", None),
            ("POST", "/logout-all", None),
            ("POST", "/password", {}),
            ("DELETE", f"/sessions/{uuid4()}", None),
        ):
            refused = await script.request(method, AUTH + path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
        assert (await script.post(f"{AUTH}/logout")).status_code == 204
        assert (await script.get(f"{AUTH}/me")).status_code == 200  # a token is no session
    assert (await ada.get(TOKENS)).json()["items"][0]["last_used_at"]


async def test_without_the_profile_in_its_scopes_it_sees_none(
    app: FastAPI, ada: httpx.AsyncClient
) -> None:
    token = await create(ada, scopes=["expenses:read"])
    bearer = (await exchange(app, token["token"])).headers["authorization"]
    async with client_of(app, Authorization=bearer) as script:
        for path in ("/me", "/sessions", "/tokens"):
            refused = await script.get(AUTH + path)
            assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")


async def test_one_signature_serves_many_requests(app: FastAPI, ada: httpx.AsyncClient) -> None:
    token = await create(ada)
    answers = [access_of(await exchange(app, token["token"])) for _ in range(5)]
    assert len(set(answers)) == 1
    await ada.patch(f"{AUTH}/me", json={"time_zone": "Asia/Tokyo"})
    app.state.resources.exchange._clock = lambda: datetime.now(UTC).timestamp() + 3  # noqa: SLF001 - later
    claims = claims_of(access_of(await exchange(app, token["token"])))
    assert claims["zoneinfo"] == "Asia/Tokyo"


async def test_what_is_no_token_is_refused_with_the_path_that_was_asked_for(
    app: FastAPI, ada: httpx.AsyncClient
) -> None:
    good = (await create(ada))["token"]
    prefix, kind, token_id, secret, _ = good.split("_")
    forged = f"{prefix}_{kind}_{token_id}_{secret[::-1]}"
    forged += f"_{zlib.crc32(forged.encode()):08x}"
    unknown = f"{prefix}_{kind}_{uuid4().hex}_{secret}"
    unknown += f"_{zlib.crc32(unknown.encode()):08x}"
    for text in (forged, unknown, good[:-1] + "x", "ea_pat_", "ea_pat_" + "0" * 5000, "x"):
        asked = {"X-Forwarded-Uri": "/api/v1/expenses?limit=1"}
        answer = await exchange(app, text, **asked)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
        assert answer.json()["instance"] == "/api/v1/expenses"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "authorization" not in answer.headers
    async with client_of(app) as nobody:
        assert (await nobody.get(EXCHANGE)).json()["code"] == "not_authenticated"


@pytest.mark.parametrize(
    ("others", "left"),
    [
        ([("Cookie", "ea_access=x")], ["Bearer"]),
        ([("Cookie", "ea_access=x; ea_access=y")], ["Bearer"]),
        ([("Authorization", "Bearer x")], ["Bearer", "Bearer"]),
    ],
)
async def test_other_credentials_beside_it_are_left_to_the_service(
    app: FastAPI, ada: httpx.AsyncClient, others: list[tuple[str, str]], left: list[str]
) -> None:
    token = (await create(ada))["token"]
    async with client_of(app) as gateway:
        headers = [("Authorization", f"Bearer {token}"), *others]
        answer = await gateway.get(EXCHANGE, headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers.get_list("authorization") == left


async def test_an_access_token_cannot_be_exchanged(app: FastAPI, ada: httpx.AsyncClient) -> None:
    access = next(c.value or "" for c in ada.cookies.jar if c.name == "ea_access")
    assert (await exchange(app, access)).json()["code"] == "invalid_token"


async def test_nothing_lives_longer_than_the_token(app: FastAPI, ada: httpx.AsyncClient) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=60)
    token = await create(ada, expires_at=soon.isoformat())
    claims = claims_of(access_of(await exchange(app, token["token"])))
    assert claims["exp"] == int(soon.timestamp())
    app.state.resources.exchange._clock = soon.timestamp  # noqa: SLF001 - at its end
    assert (await exchange(app, token["token"])).json()["code"] == "token_expired"
    assert len((await ada.get(TOKENS)).json()["items"]) == 1


@pytest.mark.parametrize("ending", ["logout-all", "password"])
async def test_what_ends_all_sessions_leaves_no_dead_answer(
    app: FastAPI, ada: httpx.AsyncClient, ending: str
) -> None:
    """A script goes on at once: its token is exchanged anew, not out of the memory."""
    token = (await create(ada))["token"]
    before = access_of(await exchange(app, token))
    change = {"current_password": PASSWORD, "new_password": "a walk in the park, 1987"}
    body = change if ending == "password" else None
    assert (await ada.post(f"{AUTH}/{ending}", json=body)).status_code == 204
    after = access_of(await exchange(app, token))
    for access, status in ((before, 401), (after, 200)):
        async with client_of(app, Authorization=f"Bearer {access}") as script:
            assert (await script.get(f"{AUTH}/me")).status_code == status
