"""Which of several faults is told first, on each route (API.md, "Order of checks")."""

import asyncio
import threading
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from auth_service.settings import Settings
from tests.actors import AUTH, PASSWORD, client_of, register, started

FOREIGN = {"Sec-Fetch-Site": "cross-site"}
JSON = {"Content-Type": "application/json"}
PROTECTED = [("GET", f"{AUTH}/me"), ("PATCH", f"{AUTH}/me")]


def told(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()["code"]


def cookies_of(client: httpx.AsyncClient) -> dict[str, str]:
    return {item.name: item.value or "" for item in client.cookies.jar}


@pytest.mark.parametrize("path", ["register", "login"])
async def test_what_takes_a_password(anonymous: httpx.AsyncClient, path: str) -> None:
    url = f"{AUTH}/{path}?x=1"
    many = b"x" * (1024 * 1024 + 1)
    post = anonymous.post
    assert told(await post(url, content=many, headers=FOREIGN)) == (413, "body_too_large")
    assert told(await post(url, content=b"{", headers=FOREIGN)) == (403, "cross_site_request")
    assert told(await post(url, content=b"{")) == (415, "unsupported_media_type")
    plain = {"Content-Type": "text/plain"}
    assert told(await post(url, content=b"{", headers=plain)) == (415, "unsupported_media_type")
    assert told(await post(url, headers=plain)) == (415, "unsupported_media_type")
    gzip, as_it_is = (JSON | {"Content-Encoding": coding} for coding in ("gzip", "Identity"))
    assert told(await post(url, content=b"{", headers=gzip)) == (415, "unsupported_media_type")
    assert told(await post(url, content=b"{", headers=as_it_is)) == (400, "malformed_json")
    assert told(await post(url)) == (400, "malformed_json")
    assert told(await post(url, content=b"{", headers=JSON)) == (400, "malformed_json")
    assert told(await post(url, json=[])) == (422, "validation_error")
    form = {"email": "ada@example.com", "password": PASSWORD}
    assert told(await post(url, json=form)) == (422, "validation_error")


@pytest.mark.parametrize("path", ["register", "login"])
async def test_a_full_line_comes_before_the_form(settings: Settings, path: str) -> None:
    narrow = settings.model_copy(update={"password_threads": 1, "password_waiting": 0})
    gate = threading.Event()
    async with started(narrow) as app, client_of(app) as client:
        at_work = asyncio.create_task(app.state.resources.passwords.run(gate.wait))
        await asyncio.sleep(0)
        url, many = f"{AUTH}/{path}?x=1", b"x" * (1024 * 1024 + 1)
        try:
            assert told(await client.post(url, content=many)) == (413, "body_too_large")
            foreign = await client.post(url, content=b"{", headers=FOREIGN)
            assert told(foreign) == (403, "cross_site_request")
            for body in (b"{", b"{}", b""):
                busy = await client.post(url, content=body, headers=JSON)
                assert told(busy) == (503, "busy")
                assert busy.headers["retry-after"] == "1"
        finally:
            gate.set()
        await at_work
        assert told(await client.post(url, content=b"{", headers=JSON)) == (400, "malformed_json")


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": "ea_access=x; ea_access=y; ea_refresh=x; ea_refresh=y"},
        {"Cookie": "ea_access=x", "Authorization": "Bearer y"},
    ],
)
async def test_what_begins_without_a_session_looks_at_no_token(
    app: FastAPI, headers: dict[str, str]
) -> None:
    """Cookies that somebody planted keep nobody from signing in."""
    async with client_of(app, **headers) as client:
        assert (await register(client, "ada@example.com")).status_code == 201
        form = {"email": "ada@example.com", "password": PASSWORD}
        assert (await client.post(f"{AUTH}/login", json=form)).status_code == 200


async def test_a_chunked_body_has_the_same_limit(anonymous: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b"x" * 65536

    answer = await anonymous.post(f"{AUTH}/login", content=chunks(), headers=JSON)
    assert told(answer) == (413, "body_too_large")


async def test_refresh(app: FastAPI, ada: httpx.AsyncClient) -> None:
    token = cookies_of(ada)["ea_refresh"]
    access = cookies_of(ada)["ea_access"]
    cases: list[tuple[str | None, dict[str, str], tuple[int, str]]] = [
        (f"ea_refresh={token}; ea_refresh=x", FOREIGN, (400, "duplicate_cookie")),
        (f"ea_refresh={token}; ea_access=x; ea_access=y", FOREIGN, (400, "duplicate_cookie")),
        (
            f"ea_refresh={token}; ea_access={access}",
            FOREIGN | {"Authorization": f"Bearer {access}"},
            (400, "ambiguous_credentials"),
        ),
        (None, FOREIGN, (401, "not_authenticated")),
        ("ea_refresh=", FOREIGN, (401, "not_authenticated")),
        ("ea_refresh=x", FOREIGN, (401, "invalid_token")),
        (f"ea_refresh={access}", {}, (401, "invalid_token")),
        (f"ea_refresh={token}", FOREIGN, (403, "cross_site_request")),
        (f"ea_refresh={token}", {"Origin": "http://localhost:8081"}, (403, "cross_site_request")),
        (f"ea_refresh={token}", {}, (422, "validation_error")),
    ]
    for cookie, headers, expected in cases:
        more = headers | ({"Cookie": cookie} if cookie else {})
        async with client_of(app, **more) as client:
            answer = await client.post(f"{AUTH}/refresh?x=1")
        assert told(answer) == expected, (cookie, headers)
        assert "set-cookie" not in answer.headers
    assert (await ada.post(f"{AUTH}/refresh")).status_code == 200


@pytest.mark.parametrize(("method", "path"), PROTECTED)
async def test_credentials_come_first(
    app: FastAPI, ada: httpx.AsyncClient, method: str, path: str
) -> None:
    access = cookies_of(ada)["ea_access"]
    refresh = cookies_of(ada)["ea_refresh"]
    cases = [
        ({"Cookie": f"ea_access={access}; ea_access=x"}, (400, "duplicate_cookie")),
        (
            {"Cookie": f"ea_access={access}", "Authorization": f"Bearer {access}"},
            (400, "ambiguous_credentials"),
        ),
        ({}, (401, "not_authenticated")),
        ({"Cookie": "ea_access="}, (401, "not_authenticated")),
        ({"Cookie": "ea_access=x"}, (401, "invalid_token")),
        ({"Cookie": f"ea_access={refresh}"}, (401, "invalid_token")),
        ({"Authorization": f"Bearer {refresh}"}, (401, "invalid_token")),
        ({"Authorization": f"Digest {access}"}, (401, "not_authenticated")),
        (
            {"Cookie": "ea_access=", "Authorization": f"Bearer {access}"},
            (400, "ambiguous_credentials"),
        ),
        ({"Cookie": f"__Host-ea_access={access}"}, (401, "not_authenticated")),
    ]
    for headers, expected in cases:
        async with client_of(app, **headers, **FOREIGN) as client:
            answer = await client.request(method, f"{path}?x=1", content=b"{")
        assert told(answer) == expected, headers
        assert ("www-authenticate" in answer.headers) == (expected[0] == 401)


async def test_changing_the_profile(app: FastAPI, ada: httpx.AsyncClient) -> None:
    url = f"{AUTH}/me"
    stale = {"If-Match": '"other"'}
    assert told(await ada.patch(url, content=b"{", headers=FOREIGN)) == (403, "cross_site_request")
    assert told(await ada.patch(url, content=b"{")) == (415, "unsupported_media_type")
    assert told(await ada.patch(url, content=b"{", headers=JSON | stale)) == (400, "malformed_json")
    bad = await ada.patch(url, json={"nmae": "x", "email": "x@y.z"}, headers=stale)
    assert told(bad) == (422, "validation_error")
    found = {(e["pointer"], e["code"], e.get("suggestion")) for e in bad.json()["errors"]}
    assert found == {("/nmae", "unknown_field", "name"), ("/email", "unknown_field", None)}
    assert told(await ada.patch(url, json={"name": "A"}, headers=stale)) == (
        412,
        "version_conflict",
    )
    bearer = {"Authorization": f"Bearer {cookies_of(ada)['ea_access']}"}
    async with client_of(app, **bearer, **FOREIGN) as client:
        assert (await client.patch(url, json={"name": "A"})).status_code == 200


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/api/v1/auth/register", "POST"),
        ("/api/v1/auth/login", "POST"),
        ("/api/v1/auth/refresh", "POST"),
        ("/api/v1/auth/logout", "POST"),
        ("/api/v1/auth/me", "DELETE, GET, HEAD, PATCH"),
        ("/api/v1/auth/password", "POST"),
        ("/api/v1/auth/logout-all", "POST"),
        ("/api/v1/auth/sessions", "GET, HEAD"),
        ("/api/v1/auth/sessions/00000000-0000-7000-8000-000000000000", "DELETE"),
        ("/.well-known/jwks.json", "GET, HEAD"),
    ],
)
async def test_another_method_is_told_which_there_are(
    anonymous: httpx.AsyncClient, path: str, allow: str
) -> None:
    methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - {*allow.split(", ")}
    for method in methods:
        answer = await anonymous.request(method, path, headers=FOREIGN)
        assert (answer.status_code, answer.headers["allow"]) == (405, allow), method
        assert not [name for name in answer.headers if name.startswith("access-control")]
