"""A user's own security events: all of them, the latest first, in pages, and nobody else's."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests import postgres as servers
from tests.actors import AUTH, PASSWORD, client_of, sign_in

EVENTS = f"{AUTH}/events"
NEW = "a walk in the park, 1987"


async def page(client: httpx.AsyncClient, **parameters: object) -> dict[str, Any]:
    answer = await client.get(EVENTS, params={k: str(v) for k, v in parameters.items()})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def types(client: httpx.AsyncClient) -> list[str]:
    return [item["type"] for item in (await page(client))["items"]]


async def test_tells_all_that_happened_and_where(
    app: FastAPI, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    form = {"email": "ada@example.com", "password": "not the right one"}
    async with client_of(app, **{"User-Agent": "stranger\x07"}) as stranger:
        await stranger.post(f"{AUTH}/login", json=form)
        await stranger.post(f"{AUTH}/login", json=form | {"password": PASSWORD})
        await stranger.post(f"{AUTH}/logout")
    token = {"name": "Report", "scopes": ["expenses:read"]}
    made = (await ada.post(f"{AUTH}/tokens", json=token)).json()
    await ada.delete(f"{AUTH}/tokens/{made['id']}")
    change = {"current_password": PASSWORD, "new_password": NEW}
    await ada.post(f"{AUTH}/password", json=change)
    listed = await page(ada)
    assert [item["type"] for item in listed["items"]] == [
        "password_changed",
        "token_revoked",
        "token_created",
        "signed_out",
        "signed_in",
        "sign_in_failed",
        "signed_in",
        "registered",
    ]
    assert listed["next_cursor"] is None
    fields = {"id", "at", "type", "ip", "user_agent", "session_id"}
    assert all(set(item) == fields for item in listed["items"])
    hers = {item["session_id"] for item in listed["items"] if item["type"].startswith("token_")}
    assert hers == {listed["items"][6]["session_id"]}
    out = listed["items"][3]
    assert (out["user_agent"], out["ip"]) == ("stranger", "127.0.0.0")
    assert out["session_id"] == listed["items"][4]["session_id"]
    current = (await ada.get(f"{AUTH}/sessions")).json()["items"][0]["id"]
    assert listed["items"][0]["session_id"] == current
    assert await types(bob) == ["signed_in", "registered"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/password"), ("DELETE", "/me")])
async def test_tells_of_a_wrong_password_of_who_is_signed_in(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, method: str, path: str
) -> None:
    """Somebody else may sit before the owner's screen."""
    form = {"current_password": "not the right one"}
    form |= {"new_password": NEW} if method == "POST" else {}
    assert (await ada.request(method, AUTH + path, json=form)).status_code == 403
    failed, signed_in, _ = (await page(ada))["items"]
    assert failed["type"] == "sign_in_failed"
    assert failed["session_id"] == signed_in["session_id"]
    assert await types(bob) == ["signed_in", "registered"]


async def test_tells_of_sessions_that_others_ended_and_of_reuse(
    app: FastAPI, ada: httpx.AsyncClient
) -> None:
    async with client_of(app) as phone:
        form = {"email": "ada@example.com", "password": PASSWORD}
        await phone.post(f"{AUTH}/login", json=form)
    other = next(
        item["id"]
        for item in (await ada.get(f"{AUTH}/sessions")).json()["items"]
        if not item["current"]
    )
    await ada.delete(f"{AUTH}/sessions/{other}")
    first = (await page(ada))["items"][0]
    assert (first["type"], first["session_id"]) == ("session_ended", other)
    await ada.post(f"{AUTH}/logout-all")
    async with client_of(app) as again:
        await again.post(f"{AUTH}/login", json=form)
        assert (await types(again))[:2] == ["signed_in", "signed_out"]


async def test_a_walk_sees_each_once_while_others_are_added(
    app: FastAPI, ada: httpx.AsyncClient
) -> None:
    form = {"email": "ada@example.com", "password": "not the right one"}
    async with client_of(app) as stranger:
        for _ in range(8):
            await stranger.post(f"{AUTH}/login", json=form)
        there = [item["id"] for item in (await page(ada))["items"]]
        seen: list[str] = []
        url = f"{EVENTS}?limit=3"
        while url:
            answer = await ada.get(url)
            seen += [item["id"] for item in answer.json()["items"]]
            await stranger.post(f"{AUTH}/login", json=form)
            url = answer.links.get("next", {}).get("url", "")
            assert bool(url) is (answer.json()["next_cursor"] is not None)
    assert seen == there


async def test_the_total_comes_when_asked_for_on_every_page(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    assert "total" not in await page(ada)
    assert (await page(ada, include="total"))["total"] == 2
    assert len((await page(bob))["items"]) == 2
    first = await ada.get(EVENTS, params={"include": "total", "limit": 1})
    assert (first.json()["total"], len(first.json()["items"])) == (2, 1)
    second = await ada.get(first.links["next"]["url"])
    assert (second.json()["total"], len(second.json()["items"])) == (2, 1)
    assert second.json()["next_cursor"] is None
    both = first.json()["items"] + second.json()["items"]
    assert both == (await page(ada))["items"]


async def test_a_page_behind_the_last_event_has_the_total_too(
    ada: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    cursor = (await page(ada, limit=1))["next_cursor"]
    await servers.execute(urls["owner"], "DELETE FROM security_events WHERE type = 'registered'")
    behind = await page(ada, cursor=cursor, include="total")
    assert behind == {"items": [], "next_cursor": None, "total": 1}


async def test_the_total_is_of_the_page_and_of_the_tag(ada: httpx.AsyncClient) -> None:
    plain = await ada.get(EVENTS)
    condition = {"If-None-Match": plain.headers["etag"]}
    answer = await ada.get(EVENTS, params={"include": "total"}, headers=condition)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("include=all", "literal_error"),
        ("include=", "literal_error"),
        ("include=total,total", "literal_error"),
        ("limit=0", "greater_than_equal"),
        ("limit=201", "less_than_equal"),
        ("limit=-1", "greater_than_equal"),
        ("limit=x", "int_parsing"),
        ("limit=1_0", "int_parsing"),
        ("limit=5.0", "int_parsing"),
        ("limit=%205", "int_parsing"),
        ("limit=%2B5", "int_parsing"),
        ("limit=%D9%A5", "int_parsing"),
        ("limit=", "int_parsing"),
        ("limit=" + "9" * 5000, "int_parsing"),
        ("limit=1&limit=2", "duplicate_parameter"),
        ("limits=1", "unknown_parameter"),
    ],
)
async def test_parameters_are_strict(ada: httpx.AsyncClient, query: str, code: str) -> None:
    answer = await ada.get(f"{EVENTS}?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)
    if code == "unknown_parameter":
        assert answer.json()["errors"][0]["suggestion"] == "limit"


async def test_a_page_has_from_one_to_two_hundred(ada: httpx.AsyncClient) -> None:
    assert len((await page(ada, limit=1))["items"]) == 1
    assert len((await page(ada, limit=200))["items"]) == 2


async def test_a_cursor_is_for_its_user_and_unchanged(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    cursor = (await page(ada, limit=1))["next_cursor"]
    assert len((await page(ada, cursor=cursor))["items"]) == 1
    raw = bytearray(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[3] ^= 1
    changed = urlsafe_b64encode(raw).decode().rstrip("=")
    for client, text in (
        (bob, cursor),
        (ada, changed),
        (ada, ""),
        (ada, "ä"),
        (ada, cursor[:-4]),
        (ada, "A" * 257),
    ):
        answer = await client.get(EVENTS, params={"cursor": text})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_has_a_tag_of_ones_own(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    first = await ada.get(EVENTS)
    assert first.headers["cache-control"] == "private, no-cache"
    condition = {"If-None-Match": first.headers["etag"]}
    assert (await ada.get(EVENTS, headers=condition)).status_code == 304
    assert (await bob.get(EVENTS, headers=condition)).status_code == 200


async def test_needs_a_sign_in(app: FastAPI, anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get(EVENTS)).json()["code"] == "not_authenticated"
    async with client_of(app) as client:
        await sign_in(client, "eve@example.com")
        assert (await client.post(EVENTS)).status_code == 405
