"""Credentials as routes see them: cookie or Bearer, their order of checks, scopes, cross-site."""

import time

import httpx
import pytest
from fastapi import FastAPI

from expenses_service.app import create_app
from expenses_service.settings import Settings
from tests.conftest import BASE_URL, client_of
from tests.jwks_server import JwksServer
from tests.tokens import SigningKey, access_claims, key_set, user_id
from tests.waiting import until_ready

READ = "/api/v1/categories"
WRITE = "/api/v1/expenses"


@pytest.fixture
def token(signing_key: SigningKey) -> str:
    return signing_key.token(access_claims(user_id(1)))


def assert_problem(response: httpx.Response, status: int, code: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json()["code"] == code
    if status == 401:
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_bearer_token_signs_in(
    anonymous: httpx.AsyncClient, token: str, scheme: str
) -> None:
    response = await anonymous.get(READ, headers={"Authorization": f"{scheme} {token}"})
    assert response.status_code == 200


async def test_the_cookie_signs_in(anonymous: httpx.AsyncClient, token: str) -> None:
    response = await anonymous.get(READ, headers={"Cookie": f"a=b; ea_access={token}; c=d"})
    assert response.status_code == 200


NOBODY = {
    "nothing": {},
    "no token": {"Authorization": "Bearer"},
    "an empty token": {"Authorization": "Bearer "},
    "another scheme": {"Authorization": "Basic YWRhOnNlY3JldA=="},
    "an empty cookie": {"Cookie": "ea_access="},
    "the other profile's cookie": {"Cookie": "__Host-ea_access=x.y.z"},
    "an identity header": {"X-User-Id": str(user_id(1))},
}


@pytest.mark.parametrize("headers", NOBODY.values(), ids=NOBODY)
async def test_nobody_is_signed_in(anonymous: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert_problem(await anonymous.get(READ, headers=headers), 401, "not_authenticated")


async def test_credentials_that_are_not_clear(anonymous: httpx.AsyncClient, token: str) -> None:
    bearer = ("Authorization", f"Bearer {token}")
    cookie = ("Cookie", f"ea_access={token}")
    for headers, code in (
        ([bearer, cookie], "ambiguous_credentials"),
        ([("Authorization", "Basic x"), cookie], "ambiguous_credentials"),
        ([bearer, bearer], "ambiguous_credentials"),
        ([bearer, ("Cookie", "ea_access=")], "ambiguous_credentials"),
        ([cookie, cookie], "duplicate_cookie"),
        ([("Cookie", f"ea_access={token}; ea_access=planted")], "duplicate_cookie"),
    ):
        assert_problem(await anonymous.get(READ, headers=headers), 400, code)


async def test_a_bad_and_a_late_token(
    anonymous: httpx.AsyncClient, signing_key: SigningKey
) -> None:
    now = int(time.time())
    late = signing_key.token(access_claims(iat=now - 600, exp=now - 300))
    other = SigningKey.generate()
    forged = other.token(access_claims(), {"alg": "RS256", "typ": "at+jwt", "kid": signing_key.kid})
    for text, code in ((late, "token_expired"), (forged, "invalid_token"), ("x", "invalid_token")):
        for headers in ({"Authorization": f"Bearer {text}"}, {"Cookie": f"ea_access={text}"}):
            assert_problem(await anonymous.get(READ, headers=headers), 401, code)


async def test_bytes_that_are_no_text(anonymous: httpx.AsyncClient) -> None:
    headers = {b"Authorization": b"Bearer \xff\xfe\x00.\x80.\x81"}
    assert_problem(await anonymous.get(READ, headers=headers), 401, "invalid_token")


async def test_scopes(app: FastAPI, signing_key: SigningKey) -> None:
    for scope, read, write in (
        ("profile:read", 403, 403),
        ("expenses:read", 200, 403),
        ("expenses:write", 403, 400),
    ):
        claims = access_claims(user_id(1), scope=scope, client_id="pat")
        async with client_of(app, signing_key.token(claims)) as client:
            got, posted = await client.get(READ), await client.post(WRITE)
        assert (got.status_code, posted.status_code) == (read, write)
        for response in (got, posted):
            if response.status_code == 403:
                assert_problem(response, 403, "insufficient_scope")


CROSS_SITE = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "a sister site": {"Sec-Fetch-Site": "same-site"},
    "null origin": {"Origin": "null"},
    "look-alike origin": {"Origin": f"{BASE_URL}.attacker.example"},
    "other port": {"Origin": "http://localhost:8081"},
    "good origin, other site": {"Origin": BASE_URL, "Sec-Fetch-Site": "cross-site"},
}
OWN_SITE = {
    "own page": {"Sec-Fetch-Site": "same-origin"},
    "typed by hand": {"Sec-Fetch-Site": "none"},
    "own origin": {"Origin": BASE_URL},
    "no browser": {},
}


@pytest.mark.parametrize("headers", CROSS_SITE.values(), ids=CROSS_SITE)
async def test_a_foreign_page_cannot_write_with_the_cookie(
    anonymous: httpx.AsyncClient, token: str, headers: dict[str, str]
) -> None:
    cookie = {"Cookie": f"ea_access={token}"}
    assert_problem(await anonymous.post(WRITE, headers=cookie | headers), 403, "cross_site_request")
    assert (await anonymous.get(READ, headers=cookie | headers)).status_code == 200
    bearer = {"Authorization": f"Bearer {token}"}
    assert_problem(await anonymous.post(WRITE, headers=bearer | headers), 400, "malformed_json")


@pytest.mark.parametrize("headers", OWN_SITE.values(), ids=OWN_SITE)
async def test_the_own_page_can(
    anonymous: httpx.AsyncClient, token: str, headers: dict[str, str]
) -> None:
    cookie = {"Cookie": f"ea_access={token}"}
    assert_problem(await anonymous.post(WRITE, headers=cookie | headers), 400, "malformed_json")


async def test_cross_site_comes_before_scope_and_after_401(
    anonymous: httpx.AsyncClient, signing_key: SigningKey
) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    small = signing_key.token(access_claims(scope="profile:read"))
    response = await anonymous.post(WRITE, headers=foreign | {"Cookie": f"ea_access={small}"})
    assert_problem(response, 403, "cross_site_request")
    response = await anonymous.post(WRITE, headers=foreign | {"Cookie": "ea_access=x"})
    assert_problem(response, 401, "invalid_token")


async def test_over_https_only_the_host_cookie_counts(settings: Settings, token: str) -> None:
    secure = settings.model_copy(update={"public_origin": "https://expenses.example"})
    app = create_app(secure)
    async with app.router.lifespan_context(app), client_of(app) as client:
        await until_ready(client)
        good = await client.get(READ, headers={"Cookie": f"__Host-ea_access={token}"})
        assert good.status_code == 200
        assert_problem(
            await client.get(READ, headers={"Cookie": f"ea_access={token}"}),
            401,
            "not_authenticated",
        )
        planted = {"Cookie": f"__Host-ea_access={token}; ea_access=planted"}
        assert (await client.get(READ, headers=planted)).status_code == 200
        foreign = {"Cookie": f"__Host-ea_access={token}", "Origin": BASE_URL}
        assert_problem(await client.post(WRITE, headers=foreign), 403, "cross_site_request")


@pytest.mark.parametrize("member", ["jku", "x5u", "jwk", "iss", "url"])
async def test_no_token_can_name_where_keys_come_from(
    anonymous: httpx.AsyncClient, member: str
) -> None:
    attacker = SigningKey.generate()
    with JwksServer(key_set(attacker)) as server:
        value: object = attacker.jwk if member == "jwk" else server.url
        header = {"alg": "RS256", "typ": "at+jwt", "kid": attacker.kid, member: value}
        text = attacker.token(access_claims(), header)
        response = await anonymous.get(READ, headers={"Authorization": f"Bearer {text}"})
        assert_problem(response, 401, "invalid_token")
        assert server.paths == []
