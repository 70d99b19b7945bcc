"""Addresses and passwords as people and attackers send them, and what the log tells of them."""

import asyncio
import json
import threading
from unicodedata import normalize

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from auth_service.settings import Settings
from tests.actors import AUTH, PASSWORD, client_of, register, started

ADA = "ada@example.com"


async def login(client: httpx.AsyncClient, email: str, password: str) -> httpx.Response:
    return await client.post(f"{AUTH}/login", json={"email": email, "password": password})


def codes(answer: httpx.Response) -> dict[str, str]:
    return {error["pointer"]: error["code"] for error in answer.json()["errors"]}


@pytest.mark.parametrize(
    "password",
    [
        "nul\0in\0the\0middle",
        "🐘🦊 piano 🧵 lamp 🥑",
        "  white space at both ends  ",
        "é composed, e\u0301 is not",
        "".join(chr(0x4E00 + 37 * n % 9000) for n in range(256)),
    ],
)
async def test_every_byte_of_a_password_counts(anonymous: httpx.AsyncClient, password: str) -> None:
    form = {"email": ADA, "password": password}
    assert (await anonymous.post(f"{AUTH}/register", json=form)).status_code == 201
    assert (await login(anonymous, ADA, password)).status_code == 200
    near = {password[:-1], password.strip(), password.replace("\0", ""), normalize("NFC", password)}
    for other in near - {password}:
        assert (await login(anonymous, ADA, other)).status_code == 401


@pytest.mark.parametrize("characters", [257, 1_000_000])
async def test_a_password_that_is_too_long_is_never_hashed(
    settings: Settings, characters: int
) -> None:
    """It is answered while every thread is taken; one that is not too long has to wait."""
    narrow = settings.model_copy(update={"password_threads": 1, "password_waiting": 1})
    async with started(narrow) as app, client_of(app) as client:
        gate = threading.Event()
        at_work = asyncio.create_task(app.state.resources.passwords.run(gate.wait))
        await asyncio.sleep(0)
        form = {"email": ADA, "password": "x" * characters}
        for path in ("login", "register"):
            refused = await client.post(f"{AUTH}/{path}", json=form)
            assert (refused.status_code, codes(refused)) == (422, {"/password": "string_too_long"})
        waits = asyncio.create_task(register(client, ADA))
        done, _ = await asyncio.wait([waits], timeout=0.2)
        assert not done
        gate.set()
        assert (await waits).status_code == 201
        await at_work


async def test_nobody_learns_whether_an_address_is_known(
    app: FastAPI, anonymous: httpx.AsyncClient
) -> None:
    await register(anonymous, ADA)
    seen = set()
    for email in (ADA, "nobody@example.com", "no address", "a\r\nb@example.com", "a\0@b.c", "é@é"):
        async with client_of(app, **{"X-Request-ID": "same"}) as client:
            answer = await login(client, email, "wrong horse battery")
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
        seen.add((answer.text, tuple(sorted(answer.headers.items()))))
    assert len(seen) == 1


REFUSED: list[tuple[dict[str, object], str, str, str | None]] = [
    ({"is_admin": True}, "/is_admin", "unknown_field", None),
    ({"ver": 7}, "/ver", "unknown_field", None),
    ({"time_zon": "UTC"}, "/time_zon", "unknown_field", "time_zone"),
    ({"email": "a@example.com\r\nBcc: b@example.com"}, "/email", "invalid_email", None),
    ({"email": None}, "/email", "string_type", None),
    ({"email": "é" * 255 + "@example.com"}, "/email", "invalid_email", None),
    ({"password": "short"}, "/password", "string_too_short", None),
    ({"password": 123456789012}, "/password", "string_type", None),
    ({"password": "password1234"}, "/password", "weak_password", None),
    ({"name": "\0"}, "/name", "control_character", None),
    ({"name": "a\r\nb"}, "/name", "control_character", None),
    ({"name": "a\x1fb"}, "/name", "control_character", None),
    ({"name": "  "}, "/name", "blank", None),
    ({"name": ""}, "/name", "string_too_short", None),
    ({"name": "x" * 121}, "/name", "string_too_long", None),
    ({"time_zone": "Mars/Olympus"}, "/time_zone", "unknown_time_zone", None),
    ({"time_zone": "../UTC"}, "/time_zone", "unknown_time_zone", None),
    ({"time_zone": "localtime"}, "/time_zone", "unknown_time_zone", None),
    ({"time_zone": "Factory"}, "/time_zone", "unknown_time_zone", None),
    ({"time_zone": None}, "/time_zone", "string_type", None),
]


async def test_each_field_of_a_registration_is_judged(anonymous: httpx.AsyncClient) -> None:
    for change, *expected in REFUSED:
        form = {"email": ADA, "password": PASSWORD} | change
        answer = await anonymous.post(f"{AUTH}/register", json=form)
        assert answer.status_code == 422, change
        (error,) = answer.json()["errors"]
        assert [error["pointer"], error["code"], error.get("suggestion")] == expected
        top = "weak_password" if error["code"] == "weak_password" else "validation_error"
        assert answer.json()["code"] == top
    assert (await login(anonymous, ADA, PASSWORD)).status_code == 401


async def test_an_address_beyond_ascii_is_one_in_any_case(anonymous: httpx.AsyncClient) -> None:
    assert (await register(anonymous, "Jürgen@Bücher.example")).json()["email"] == (
        "Jürgen@Bücher.example"
    )
    assert (await register(anonymous, "JÜRGEN@bücher.example")).status_code == 409
    assert (await login(anonymous, "jürgen@BÜCHER.example", PASSWORD)).status_code == 200


async def test_of_two_at_once_one_gets_the_address(app: FastAPI, urls: dict[str, str]) -> None:
    async with client_of(app) as client:
        answers = await asyncio.gather(*(register(client, ADA) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    connection = await asyncpg.connect(urls["owner"])
    assert await connection.fetchval("SELECT count(*) FROM users") == 1
    assert await connection.fetchval("SELECT count(*) FROM security_events") == 1
    await connection.close()


async def test_planted_cookies_change_nothing_at_a_sign_in(app: FastAPI) -> None:
    planted = "ea_access=x; ea_access=y; ea_refresh=z; ea_refresh=z"
    async with client_of(app) as client:
        await register(client, ADA)
        form = {"email": ADA, "password": PASSWORD}
        answer = await client.post(f"{AUTH}/login", json=form, headers={"Cookie": planted})
    assert answer.status_code == 200
    values = {line.split(";")[0] for line in answer.headers.get_list("set-cookie")}
    assert len(values) == 3
    assert not values & {"ea_access=x", "ea_access=y", "ea_refresh=z"}


@pytest.mark.parametrize("name", ["\x7f", "a\x7fb", "\x80", "\u2028x"])
async def test_what_is_no_c0_control_is_kept_as_sent(ada: httpx.AsyncClient, name: str) -> None:
    assert (await ada.patch(f"{AUTH}/me", json={"name": name})).json()["name"] == name


@pytest.mark.parametrize("null", ["name", "time_zone"])
async def test_null_clears_the_name_and_nothing_else(ada: httpx.AsyncClient, null: str) -> None:
    await ada.patch(f"{AUTH}/me", json={"name": "Ada", "time_zone": "Asia/Tokyo"})
    answer = await ada.patch(f"{AUTH}/me", json={null: None})
    me = (await ada.get(f"{AUTH}/me")).json()
    assert me["time_zone"] == "Asia/Tokyo"
    assert (answer.status_code, me["name"]) == ((200, None) if null == "name" else (422, "Ada"))


@pytest.mark.parametrize(
    ("field", "status"),
    [("*", 200), ("{tag}", 200), ("W/{tag}", 412), ('"x", {tag}', 200), ('"x"', 412), ("x", 422)],
)
async def test_a_condition_on_a_change(ada: httpx.AsyncClient, field: str, status: int) -> None:
    tag = (await ada.get(f"{AUTH}/me")).headers["etag"]
    condition = {"If-Match": field.format(tag=tag)}
    answer = await ada.patch(f"{AUTH}/me", json={"name": "New"}, headers=condition)
    assert answer.status_code == status
    me = await ada.get(f"{AUTH}/me", headers={"If-None-Match": f"W/{tag}"})
    assert me.status_code == (200 if status == 200 else 304)
    assert (await ada.head(f"{AUTH}/me")).headers["etag"] == me.headers["etag"]


async def test_the_log_tells_who_and_nothing_that_was_sent(
    capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    async with (
        started(settings) as app,
        client_of(app, **{"User-Agent": "planted-agent\tx"}) as client,
    ):
        user = (await register(client, "planted-address@example.com")).json()
        await login(client, "planted-address@example.com", "planted-password-wrong")
        body = (await login(client, "planted-address@example.com", PASSWORD)).json()
        await client.get(f"{AUTH}/me?planted-query=1")
        await client.post(f"{AUTH}/refresh")
        tokens = [item.value or "" for item in client.cookies.jar]
        await client.post(f"{AUTH}/logout")
    said = capsys.readouterr().out
    for secret in (*tokens, *(token[-40:] for token in tokens), "planted", PASSWORD):
        assert secret not in said
    lines = [json.loads(line) for line in said.splitlines()]
    who = {
        line["path"].rpartition("/")[2]: (line["user_id"], line["session_id"])
        for line in lines
        if line["event"] == "request" and line["status"] < 400
    }
    mine = (user["id"], body["session"]["id"])
    assert who == {"register": (None, None), "login": mine, "refresh": mine, "logout": mine}


async def test_the_keys_are_public_and_cached(anonymous: httpx.AsyncClient) -> None:
    url = "/.well-known/jwks.json"
    answer = await anonymous.get(url)
    assert answer.headers["cache-control"] == "public, max-age=300"
    keys = answer.json()["keys"]
    assert [set(key) for key in keys] == [{"kty", "use", "alg", "kid", "n", "e"}] * len(keys)
    assert len(keys) == 2
    same = await anonymous.get(url, headers={"If-None-Match": answer.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["cache-control"] == "public, max-age=300"
