"""Personal access tokens: made, shown once, listed, exchanged, revoked."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from tests.actors import AUTH, PASSWORD, client_of
from tests.personal_tokens import FORM, TOKENS, access_of, claims_of, create, exchange


async def test_is_shown_once_and_listed_without_its_text(
    capsys: pytest.CaptureFixture[str],
    app: FastAPI,
    ada: httpx.AsyncClient,
    bob: httpx.AsyncClient,
) -> None:
    answer = await ada.post(TOKENS, json=FORM)
    token = answer.json()
    fields = {"id", "name", "scopes", "created_at", "expires_at", "last_used_at"}
    assert set(token) == fields | {"token"}
    assert answer.headers["location"] == f"{TOKENS}/{token['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["etag"]
    later = await create(ada, name="Other", expires_at="2027-05-01T10:00:00+02:00")
    assert later["expires_at"] == "2027-05-01T08:00:00.000000Z"
    listed = await ada.get(TOKENS)
    assert [item["name"] for item in listed.json()["items"]] == ["Other", "Report"]
    assert all(set(item) == fields for item in listed.json()["items"])
    assert listed.headers["cache-control"] == "private, no-cache"
    assert (await bob.get(TOKENS)).json() == {"items": []}
    app.state.requests.flush()
    said = capsys.readouterr().out
    assert TOKENS in said
    for text in (token["token"], later["token"]):
        assert text not in listed.text
        assert text.split("_")[3] not in said


async def test_the_list_has_a_tag(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    condition = {"If-None-Match": (await ada.get(TOKENS)).headers["etag"]}
    assert (await ada.get(TOKENS, headers=condition)).status_code == 304
    assert (await bob.get(TOKENS, headers=condition)).status_code == 200
    await create(ada)
    assert (await ada.get(TOKENS, headers=condition)).status_code == 200


async def test_revoked_it_is_of_no_use_and_listed_for_readers(
    app: FastAPI, ada: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    token = await create(ada)
    bearer = (await exchange(app, token["token"])).headers["authorization"]
    answer = await ada.delete(f"{TOKENS}/{token['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    async with client_of(app, Authorization=bearer) as script:
        assert (await script.get(f"{AUTH}/me")).json()["code"] == "session_revoked"
    later = datetime.now(UTC).timestamp() + 2
    app.state.resources.exchange._clock = lambda: later  # noqa: SLF001 - the trust is over
    assert (await exchange(app, token["token"])).json()["code"] == "session_revoked"
    assert (await ada.get(TOKENS)).json() == {"items": []}
    listed = await ada.get("/internal/v1/revocations")
    assert token["id"] in claims_of(listed.text)["sids"]
    assert (await ada.delete(f"{TOKENS}/{token['id']}")).status_code == 404
    owner = await asyncpg.connect(urls["owner"])
    try:
        rows = await owner.fetch("SELECT type FROM security_events WHERE type LIKE 'token_%'")
        assert sorted(row["type"] for row in rows) == ["token_created", "token_revoked"]
    finally:
        await owner.close()


async def test_a_hundred_and_no_more(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    tokens = [await create(ada) for _ in range(100)]
    refused = await ada.post(TOKENS, json=FORM)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_tokens")
    await create(bob)
    assert (await ada.delete(f"{TOKENS}/{tokens[50]['id']}")).status_code == 204
    await create(ada)


async def test_two_hundred_in_ten_minutes_and_no_more(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    """Each that is revoked is told to every reader, whose list has an end."""
    user_id = UUID((await ada.get(f"{AUTH}/me")).json()["id"])
    owner = await asyncpg.connect(urls["owner"])
    try:
        made = """INSERT INTO personal_access_tokens
            (user_id, name, scopes, secret_sha256, created_at, revoked_at)
            SELECT $1, '', '{}', '', now() - make_interval(secs => 541 - n), now()
            FROM generate_series(1, 199) AS n"""
        await owner.execute(made, user_id)
        await create(ada)
        refused = await ada.post(TOKENS, json=FORM)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        wait = int(refused.headers["retry-after"])
        assert 1 <= wait <= 60
        assert refused.headers["ratelimit-policy"] == '"personal-tokens";q=200;w=600'
        assert refused.headers["ratelimit"] == f'"personal-tokens";r=0;t={wait}'
        await create(bob)
        aged = "UPDATE personal_access_tokens SET created_at = created_at - $1 * interval '1 s'"
        await owner.execute(aged, wait)
        await create(ada)
    finally:
        await owner.close()


async def test_anothers_token_is_like_an_absent_one(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    theirs = (await create(bob))["id"]
    for token_id in (theirs, uuid4(), "nonsense"):
        answer = await ada.delete(f"{TOKENS}/{token_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert len((await bob.get(TOKENS)).json()["items"]) == 1


async def test_a_new_password_keeps_tokens_and_a_closed_account_does_not(
    app: FastAPI, ada: httpx.AsyncClient
) -> None:
    token = (await create(ada))["token"]
    new = "a walk in the park, 1987"
    change = {"current_password": PASSWORD, "new_password": new}
    before = claims_of(access_of(await exchange(app, token)))["ver"]
    assert (await ada.post(f"{AUTH}/password", json=change)).status_code == 204
    later = datetime.now(UTC).timestamp() + 2
    app.state.resources.exchange._clock = lambda: later  # noqa: SLF001 - the trust is over
    assert claims_of(access_of(await exchange(app, token)))["ver"] == before + 1
    form = {"current_password": new}
    assert (await ada.request("DELETE", f"{AUTH}/me", json=form)).status_code == 204
    app.state.resources.exchange._clock = lambda: later + 2  # noqa: SLF001 - once more
    assert (await exchange(app, token)).json()["code"] == "invalid_token"


@pytest.mark.parametrize(
    "ending",
    [
        "UPDATE users SET ver = ver + 1",
        "DELETE FROM users",
        """INSERT INTO revoked_sessions (session_id, user_id, expires_at)
           SELECT session_id, user_id, now() FROM security_events WHERE type = 'signed_in'""",
    ],
)
async def test_a_session_that_ends_meanwhile_makes_none(
    ada: httpx.AsyncClient, urls: dict[str, str], ending: str
) -> None:
    """The caller was judged before; the token is made under the lock that an ending takes."""
    owner = await asyncpg.connect(urls["owner"])
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    try:
        async with owner.transaction():
            await owner.execute("SELECT 1 FROM users FOR UPDATE")
            request = asyncio.create_task(ada.post(TOKENS, json=FORM))
            while not await owner.fetchval(waiting):  # noqa: ASYNC110 - it waits for the lock
                await asyncio.sleep(0.005)
            await owner.execute(ending)
        refused = await request
        assert (refused.status_code, refused.json()["code"]) == (401, "session_revoked")
        assert await owner.fetchval("SELECT count(*) FROM personal_access_tokens") == 0
    finally:
        await owner.close()


@pytest.mark.parametrize(
    ("field", "status"), [("*", 204), ("{tag}", 204), ("W/{tag}", 412), ('"x"', 412), ("x", 422)]
)
async def test_a_condition_on_a_revocation(ada: httpx.AsyncClient, field: str, status: int) -> None:
    made = await ada.post(TOKENS, json=FORM)
    headers = {"If-Match": field.format(tag=made.headers["etag"])}
    answer = await ada.delete(made.headers["location"], headers=headers)
    assert answer.status_code == status
    if status == 412:
        assert answer.json()["code"] == "version_conflict"
    left = len((await ada.get(TOKENS)).json()["items"])
    assert left == (0 if status == 204 else 1)
    assert (await ada.delete(f"{TOKENS}/{uuid4()}", headers=headers)).status_code == (
        422 if status == 422 else 404
    )


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), ("DELETE", f"/{uuid4()}")])
async def test_is_asked_in_the_usual_order(
    anonymous: httpx.AsyncClient, ada: httpx.AsyncClient, method: str, path: str
) -> None:
    url = TOKENS + path
    assert (await anonymous.request(method, url)).json()["code"] == "not_authenticated"
    if method != "GET":
        foreign = {"Origin": "https://localhost.example.com"}
        answer = await ada.request(method, url, headers=foreign)
        assert answer.json()["code"] == "cross_site_request"
    if method == "POST":
        wrong = await ada.post(url, json=FORM | {"scope": ["expenses:read"]})
        error = wrong.json()["errors"][0]
        assert (error["pointer"], error["suggestion"]) == ("/scope", "scopes")
