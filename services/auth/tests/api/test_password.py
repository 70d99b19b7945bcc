"""Changing the password and closing the account: what ends, what goes on, what is refused."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from auth_service.sessions import rules
from tests.actors import AUTH, PASSWORD, client_of, register

ADA = "ada@example.com"
NEW = "a walk in the park, 1987"
CHANGE = {"current_password": PASSWORD, "new_password": NEW}


async def login(client: httpx.AsyncClient, password: str) -> httpx.Response:
    return await client.post(f"{AUTH}/login", json={"email": ADA, "password": password})


async def close(client: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await client.request("DELETE", f"{AUTH}/me", json=form)


def cookie(client: httpx.AsyncClient, name: str) -> str:
    return next(item.value or "" for item in client.cookies.jar if item.name == name)


async def session_ids(client: httpx.AsyncClient) -> list[str]:
    return [item["id"] for item in (await client.get(f"{AUTH}/sessions")).json()["items"]]


async def test_the_present_session_goes_on_with_a_new_id_and_every_other_ends(
    app: FastAPI, ada: httpx.AsyncClient
) -> None:
    async with client_of(app) as phone:
        await login(phone, PASSWORD)
        before = await session_ids(ada)
        copied = cookie(ada, "ea_access")
        old_refresh = cookie(ada, "ea_refresh")
        answer = await ada.post(f"{AUTH}/password", json=CHANGE)
        assert (answer.status_code, answer.content) == (204, b"")
        assert len(answer.headers.get_list("set-cookie")) == 2
        after = await session_ids(ada)
        assert len(after) == 1
        assert not set(after) & set(before)
        assert (await phone.get(f"{AUTH}/me")).json()["code"] == "session_revoked"
        assert (await phone.post(f"{AUTH}/refresh")).json()["code"] == "session_revoked"
    assert (await ada.post(f"{AUTH}/refresh")).status_code == 200
    async with client_of(app, Authorization=f"Bearer {copied}") as thief:
        assert (await thief.get(f"{AUTH}/me")).json()["code"] == "session_revoked"
    async with client_of(app, Cookie=f"ea_refresh={old_refresh}") as thief:
        assert (await thief.post(f"{AUTH}/refresh")).json()["code"] == "session_revoked"
    async with client_of(app) as other:
        assert (await login(other, PASSWORD)).json()["code"] == "invalid_credentials"
        assert (await login(other, NEW)).status_code == 200


@pytest.mark.parametrize("path", ["/password", "/me"])
async def test_the_current_password_must_be_right(ada: httpx.AsyncClient, path: str) -> None:
    before = await session_ids(ada)
    method = "POST" if path == "/password" else "DELETE"
    form = {"current_password": "not the right one"}
    form |= {"new_password": NEW} if path == "/password" else {}
    answer = await ada.request(method, AUTH + path, json=form)
    assert (answer.status_code, answer.json()["code"]) == (403, "invalid_credentials")
    assert answer.json()["errors"][0]["pointer"] == "/current_password"
    assert "www-authenticate" not in answer.headers
    assert "set-cookie" not in answer.headers
    assert await session_ids(ada) == before


@pytest.mark.parametrize(
    ("form", "pointer", "code"),
    [
        ({"new_password": NEW}, "/current_password", "required"),
        ({"current_password": PASSWORD}, "/new_password", "required"),
        (CHANGE | {"new_password": "eleven char"}, "/new_password", "string_too_short"),
        (CHANGE | {"new_password": "x" * 257}, "/new_password", "string_too_long"),
        (CHANGE | {"new_password": "password1234"}, "/new_password", "weak_password"),
        (CHANGE | {"new_password": "ada@example.com"}, "/new_password", "weak_password"),
        (CHANGE | {"current_password": "x" * 257}, "/current_password", "string_too_long"),
        (CHANGE | {"new_pasword": NEW}, "/new_pasword", "unknown_field"),
    ],
)
async def test_a_form_that_is_not_valid_changes_nothing(
    ada: httpx.AsyncClient, form: dict[str, str], pointer: str, code: str
) -> None:
    answer = await ada.post(f"{AUTH}/password", json=form)
    assert answer.status_code == 422
    assert (answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]) == (
        pointer,
        code,
    )
    assert (await ada.get(f"{AUTH}/me")).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("POST", "/password"), ("DELETE", "/me")])
async def test_is_asked_in_the_usual_order(
    ada: httpx.AsyncClient, anonymous: httpx.AsyncClient, method: str, path: str
) -> None:
    url = AUTH + path
    assert (await anonymous.request(method, url)).json()["code"] == "not_authenticated"
    foreign = {"Sec-Fetch-Site": "cross-site"}
    refused = await ada.request(method, url, headers=foreign, json=CHANGE)
    assert refused.json()["code"] == "cross_site_request"
    text = await ada.request(method, url, content="{}", headers={"Content-Type": "text/plain"})
    assert text.json()["code"] == "unsupported_media_type"
    json = {"Content-Type": "application/json"}
    broken = await ada.request(method, url, content="{", headers=json)
    assert broken.json()["code"] == "malformed_json"


async def test_of_two_changes_at_once_one_holds(app: FastAPI, ada: httpx.AsyncClient) -> None:
    """The one that comes second finds its session ended, and nothing of it stays."""
    async with client_of(app) as phone:
        await login(phone, PASSWORD)
        people = {ada: NEW, phone: NEW + "!"}
        answers = await asyncio.gather(
            *(
                client.post(f"{AUTH}/password", json=CHANGE | {"new_password": new})
                for client, new in people.items()
            )
        )
        by_status = dict(zip((answer.status_code for answer in answers), people, strict=True))
        assert set(by_status) == {204, 401}
        assert len(await session_ids(by_status[204])) == 1
        assert (await login(by_status[401], people[by_status[204]])).status_code == 200


async def test_without_redis_nothing_changes(
    app: FastAPI, ada: httpx.AsyncClient, redis_url: str
) -> None:
    """A full server refuses writes; the password must be the old one then."""
    async with Redis.from_url(redis_url) as redis:
        await redis.config_set("maxmemory", "1")
        try:
            answer = await ada.post(f"{AUTH}/password", json=CHANGE)
        finally:
            await redis.config_set("maxmemory", "0")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert len(await session_ids(ada)) == 1
    async with client_of(app) as other:
        assert (await login(other, PASSWORD)).status_code == 200


async def test_a_closed_account_is_gone(
    app: FastAPI, ada: httpx.AsyncClient, bob: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    copied, refresh = cookie(ada, "ea_access"), cookie(ada, "ea_refresh")
    user = (await ada.get(f"{AUTH}/me")).json()["id"]
    answer = await close(ada, current_password=PASSWORD)
    assert (answer.status_code, answer.content) == (204, b"")
    assert len(answer.headers.get_list("set-cookie")) == 2
    async with client_of(app, Authorization=f"Bearer {copied}") as thief:
        assert (await thief.get(f"{AUTH}/me")).json()["code"] == "session_revoked"
    async with client_of(app, Cookie=f"ea_refresh={refresh}") as thief:
        assert (await thief.post(f"{AUTH}/refresh")).json()["code"] == "session_revoked"
    async with client_of(app) as other:
        assert (await login(other, PASSWORD)).json()["code"] == "invalid_credentials"
    owner = await asyncpg.connect(urls["owner"])
    try:
        assert await owner.fetchval("SELECT count(*) FROM users") == 1
        left = "SELECT count(*) FROM security_events WHERE user_id = $1"
        assert await owner.fetchval(left, user) == 0
        closed = "SELECT count(*) FROM closed_accounts WHERE user_id = $1"
        assert await owner.fetchval(closed, user) == 1
    finally:
        await owner.close()
    assert (await bob.get(f"{AUTH}/me")).status_code == 200
    async with client_of(app) as other:
        again = await register(other, ADA)
        assert again.status_code == 201
        assert again.json()["id"] != user


async def refresh(app: FastAPI, token: str) -> httpx.Response:
    async with client_of(app, Cookie=f"ea_refresh={token}") as late:
        return await late.post(f"{AUTH}/refresh")


async def test_a_refresh_that_comes_late_leaves_the_new_cookies(
    app: FastAPI, ada: httpx.AsyncClient, urls: dict[str, str], redis_url: str
) -> None:
    """For as long as it may be under way, and for the session that has asked, no other."""
    async with client_of(app) as phone:
        await login(phone, PASSWORD)
        old, other = cookie(ada, "ea_refresh"), cookie(phone, "ea_refresh")
    assert (await ada.post(f"{AUTH}/password", json=CHANGE)).status_code == 204
    late = await refresh(app, old)
    assert (late.status_code, late.json()["code"]) == (401, "session_revoked")
    assert "set-cookie" not in late.headers
    assert len((await refresh(app, other)).headers.get_list("set-cookie")) == 2
    assert (await ada.post(f"{AUTH}/refresh")).status_code == 200
    async with Redis.from_url(redis_url) as redis:
        (mark,) = [key async for key in redis.scan_iter("session:*:replaced")]
        assert 0 < await redis.pttl(mark) <= 30_000
        await redis.delete(mark)  # half a minute has passed
    later = await refresh(app, old)
    assert (later.status_code, later.json()["code"]) == (401, "session_revoked")
    assert len(later.headers.get_list("set-cookie")) == 2
    assert "token_reuse" not in await event_types(urls)


async def test_so_does_one_that_is_decided_while_the_password_changes(
    app: FastAPI, ada: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    """It found the session alive in Postgres, and then dead in Redis: nobody has used it twice."""
    sessions = app.state.resources.sessions
    rotate, old = sessions.rotate, cookie(ada, "ea_refresh")

    async def rotate_after_the_change(*arguments: Any) -> Any:  # noqa: ANN401 - those of rotate
        assert (await ada.post(f"{AUTH}/password", json=CHANGE)).status_code == 204
        return await rotate(*arguments)

    sessions.rotate = rotate_after_the_change
    late = await refresh(app, old)
    sessions.rotate = rotate
    assert (late.status_code, late.json()["code"]) == (401, "session_revoked")
    assert "set-cookie" not in late.headers
    assert (await ada.post(f"{AUTH}/refresh")).status_code == 200
    assert "token_reuse" not in await event_types(urls)


async def event_types(urls: dict[str, str]) -> list[str]:
    owner = await asyncpg.connect(urls["owner"])
    try:
        return [row["type"] for row in await owner.fetch("SELECT type FROM security_events")]
    finally:
        await owner.close()


@pytest.mark.parametrize("path", ["/login", "/password"])
async def test_what_fails_with_fifty_sessions_leaves_them_as_they_are(
    ada: httpx.AsyncClient, urls: dict[str, str], path: str
) -> None:
    """None is alive that its owner cannot see, and none has ended that was not said to."""
    for _ in range(rules.MAX_SESSIONS - 1):
        assert (await login(ada, PASSWORD)).status_code == 200
    before = await session_ids(ada)
    assert len(before) == rules.MAX_SESSIONS
    events = "revoked_sessions" if path == "/login" else "security_events"
    owner = await asyncpg.connect(urls["owner"])
    try:
        async with owner.transaction():
            await owner.execute(f"LOCK TABLE {events} IN EXCLUSIVE MODE")
            form = {"email": ADA, "password": PASSWORD} if path == "/login" else CHANGE
            answer = await ada.post(AUTH + path, json=form)
    finally:
        await owner.close()
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "set-cookie" not in answer.headers
    assert await session_ids(ada) == before


async def test_a_sign_in_that_is_not_written_down_leaves_no_session(
    ada: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    owner = await asyncpg.connect(urls["owner"])
    try:
        async with owner.transaction():
            await owner.execute("LOCK TABLE security_events IN EXCLUSIVE MODE")
            answer = await login(ada, PASSWORD)
    finally:
        await owner.close()
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert len(await session_ids(ada)) == 1


@pytest.mark.parametrize(
    ("field", "status"), [("*", 204), ("{tag}", 204), ("W/{tag}", 412), ('"x"', 412), ("x", 422)]
)
async def test_an_account_is_closed_as_it_was_read_or_not_at_all(
    ada: httpx.AsyncClient, field: str, status: int
) -> None:
    tag = (await ada.get(f"{AUTH}/me")).headers["etag"]
    headers = {"If-Match": field.format(tag=tag)}
    form = {"current_password": PASSWORD}
    answer = await ada.request("DELETE", f"{AUTH}/me", json=form, headers=headers)
    assert answer.status_code == status
    if status == 412:
        assert answer.json()["code"] == "version_conflict"
    there = (await login(ada, PASSWORD)).status_code == 200
    assert there is (status != 204)


async def test_a_condition_is_judged_after_the_password(ada: httpx.AsyncClient) -> None:
    form = {"current_password": "not the right one"}
    stale = {"If-Match": '"x"'}
    answer = await ada.request("DELETE", f"{AUTH}/me", json=form, headers=stale)
    assert (answer.status_code, answer.json()["code"]) == (403, "invalid_credentials")
