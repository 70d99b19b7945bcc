"""Own sessions: listed, ended one by one, ended all at once."""

from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from auth_service.ids import uuid7
from tests.actors import AUTH, PASSWORD, client_of, sign_in

ADA = "ada@example.com"


async def sessions_of(client: httpx.AsyncClient) -> list[dict[str, object]]:
    answer = await client.get(f"{AUTH}/sessions")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, object]] = answer.json()["items"]
    return items


async def again(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    """Ada on another device."""
    client = client_of(app, **headers)
    form = {"email": ADA, "password": PASSWORD}
    assert (await client.post(f"{AUTH}/login", json=form)).status_code == 200
    return client


def token(client: httpx.AsyncClient) -> str:
    return next(item.value or "" for item in client.cookies.jar if item.name == "ea_access")


async def code_of(app: FastAPI, access: str) -> str | None:
    async with client_of(app, Authorization=f"Bearer {access}") as client:
        answer = await client.get(f"{AUTH}/me")
    return None if answer.status_code == 200 else str(answer.json()["code"])


async def test_lists_own_sessions_and_marks_the_current_one(
    app: FastAPI, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    phone = await again(app, **{"User-Agent": "phone\tone"})
    items = await sessions_of(phone)
    assert [item["current"] for item in items] == [True, False]
    assert items[0]["user_agent"] == "phone one"
    assert all(
        set(item) == {"id", "created_at", "last_seen_at", "user_agent", "ip", "current"}
        for item in items
    )
    assert [item["current"] for item in await sessions_of(ada)] == [False, True]
    assert len(await sessions_of(bob)) == 1


async def test_the_list_has_a_tag_that_changes_with_it(
    app: FastAPI, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    first = await ada.get(f"{AUTH}/sessions")
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["vary"] == "Cookie, Authorization"
    condition = {"If-None-Match": first.headers["etag"]}
    assert (await ada.get(f"{AUTH}/sessions", headers=condition)).status_code == 304
    assert (await bob.get(f"{AUTH}/sessions", headers=condition)).status_code == 200
    await again(app)
    assert (await ada.get(f"{AUTH}/sessions", headers=condition)).status_code == 200


async def test_ends_another_session_of_ones_own(app: FastAPI, ada: httpx.AsyncClient) -> None:
    phone = await again(app)
    stolen = token(phone)
    other = next(item["id"] for item in await sessions_of(ada) if not item["current"])
    answer = await ada.delete(f"{AUTH}/sessions/{other}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "set-cookie" not in answer.headers
    assert await code_of(app, stolen) == "session_revoked"
    assert (await phone.post(f"{AUTH}/refresh")).json()["code"] == "session_revoked"
    assert [item["current"] for item in await sessions_of(ada)] == [True]
    assert (await ada.delete(f"{AUTH}/sessions/{other}")).status_code == 404


async def test_ending_the_current_session_takes_the_cookies_away(ada: httpx.AsyncClient) -> None:
    current = (await sessions_of(ada))[0]["id"]
    answer = await ada.delete(f"{AUTH}/sessions/{current}")
    assert answer.status_code == 204
    assert len(answer.headers.get_list("set-cookie")) == 2
    assert (await ada.get(f"{AUTH}/me")).json()["code"] == "not_authenticated"


async def test_anothers_session_is_like_an_absent_one(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    theirs = (await sessions_of(bob))[0]["id"]
    documents = []
    for session_id in (theirs, uuid4(), uuid7(), "nonsense"):
        answer = await ada.delete(f"{AUTH}/sessions/{session_id}")
        assert answer.status_code == 404
        document = answer.json()
        documents.append({k: v for k, v in document.items() if k not in {"request_id", "instance"}})
    assert all(document == documents[0] for document in documents)
    assert len(await sessions_of(bob)) == 1


async def test_logout_all_ends_every_session_and_no_one_elses(
    app: FastAPI, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    phone = await again(app)
    copies = [token(ada), token(phone)]
    answer = await phone.post(f"{AUTH}/logout-all")
    assert (answer.status_code, answer.content) == (204, b"")
    assert len(answer.headers.get_list("set-cookie")) == 2
    assert [await code_of(app, copy) for copy in copies] == ["session_revoked"] * 2
    assert (await ada.post(f"{AUTH}/refresh")).json()["code"] == "session_revoked"
    assert (await bob.get(f"{AUTH}/me")).status_code == 200
    tablet = await again(app)
    assert len(await sessions_of(tablet)) == 1


async def test_what_redis_did_not_hear_of_is_ended_all_the_same(
    app: FastAPI, ada: httpx.AsyncClient, redis_url: str
) -> None:
    """As if Redis had been down when the sessions were ended: Postgres decides."""
    phone = await again(app)
    other = next(str(item["id"]) for item in await sessions_of(ada) if not item["current"])
    await ada.delete(f"{AUTH}/sessions/{other}")
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        (index,) = [key async for key in redis.scan_iter("user_sessions:*")]
        await redis.hset(f"session:{other}", "state", "active")
        await redis.zadd(index, {other: 0})
    assert len(await sessions_of(ada)) == 1
    assert (await phone.post(f"{AUTH}/refresh")).json()["code"] == "session_revoked"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/sessions"), ("DELETE", f"/sessions/{uuid4()}"), ("POST", "/logout-all")],
)
async def test_needs_a_sign_in_and_no_parameters(
    anonymous: httpx.AsyncClient, ada: httpx.AsyncClient, method: str, path: str
) -> None:
    assert (await anonymous.request(method, AUTH + path)).json()["code"] == "not_authenticated"
    answer = await ada.request(method, AUTH + path, params={"all": "yes"})
    assert answer.json()["errors"][0] == {
        "code": "unknown_parameter",
        "detail": "is not known here",
        "parameter": "all",
    }
    if method != "GET":
        foreign = {"Sec-Fetch-Site": "same-site"}
        answer = await ada.request(method, AUTH + path, headers=foreign)
        assert answer.json()["code"] == "cross_site_request"
    assert (await ada.get(f"{AUTH}/me")).status_code == 200


async def test_sessions_that_ran_out_are_not_listed(
    app: FastAPI, ada: httpx.AsyncClient, redis_url: str
) -> None:
    async with client_of(app) as other:
        body = await sign_in(other, "dan@example.com")
        session = body["session"]
        assert isinstance(session, dict)
        async with Redis.from_url(redis_url) as redis:
            await redis.delete(f"session:{session['id']}")
        assert (await sessions_of(other)) == []
    assert len(await sessions_of(ada)) == 1
