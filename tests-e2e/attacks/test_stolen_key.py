"""Tokens with auth's own good signature that do not say what auth says: no service lets them in."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from actors import AUTH, Person, close_clients, new_client, part, problem
from forger import Forger, answers, claims_of, encode, is_refused
from infra.local.stack import Stack

pytestmark = pytest.mark.own_stack
DECADE = 10 * 365 * 86_400


@pytest.fixture(scope="module")
def victim(base_url: str) -> Person:
    """Who the tokens are about."""
    person = Person.signed_in(base_url)
    close_clients()
    return person


@pytest.fixture(scope="module")
def thief(stack: Stack, victim: Person) -> Forger:
    """Has the key that signed the victim's token."""
    thief = Forger.with_the_key_of(stack)
    assert thief.kid == part(victim.cookie("ea_access"), 0)["kid"]
    return thief


def test_what_the_thief_signs_is_good(base_url: str, thief: Forger, victim: Person) -> None:
    """So that whatever else is refused here is refused for what it says."""
    for changes in ({}, {"unknown": "claims are ignored"}):
        token = thief.token(claims_of(victim, **changes))
        assert [answer.status_code for answer in answers(base_url, token)] == [200] * 4


# --- the header -------------------------------------------------------------------------------------

HEADERS: dict[str, dict[str, Any]] = {
    "unknown crit": {"crit": ["exp"], "exp": 1},
    "crit b64": {"crit": ["b64"], "b64": False},
    "crit empty": {"crit": []},
    "b64": {"b64": True},
    "zip": {"zip": "DEF"},
    "cty": {"cty": "JWT"},
    "jwk": {"jwk": {"kty": "RSA"}},
    "jku": {"jku": "http://127.0.0.1:9/jwks.json"},
    "x5u": {"x5u": "http://127.0.0.1:9/chain.pem"},
    "x5c": {"x5c": []},
    "x5t": {"x5t": "AAAA"},
    "iss": {"iss": "expense-auth"},
    "typ absent": {"typ": None},
    "typ JWT": {"typ": "JWT"},
    "typ rt+jwt": {"typ": "rt+jwt"},
    "typ rev+jwt": {"typ": "rev+jwt"},
    "typ in capitals": {"typ": "AT+JWT"},
    "typ as media type": {"typ": "application/at+jwt"},
    "typ a list": {"typ": ["at+jwt"]},
    "alg absent": {"alg": None},
    "alg none": {"alg": "none"},
    "alg HS256": {"alg": "HS256"},
    "alg RS512": {"alg": "RS512"},
    "alg a list": {"alg": ["RS256"]},
    "kid a path": {"kid": "../../../../dev/null"},
    "kid a long path": {"kid": "/proc/self/environ".rjust(43, "/")},
    "kid SQL": {"kid": "' UNION SELECT 'secret' --"},
    "kid a command": {"kid": "$(sleep 9)"},
    "kid 10 KB": {"kid": "A" * 10_240},
    "kid NUL": {"kid": "\0"},
    "kid 43 NULs": {"kid": "\0" * 43},
    "kid absent": {"kid": None},
    "kid empty": {"kid": ""},
    "kid a number": {"kid": 7},
}


@pytest.mark.parametrize("name", HEADERS)
def test_header_with_a_good_signature(base_url: str, thief: Forger, victim: Person, name: str) -> None:
    is_refused(base_url, thief.token(claims_of(victim), thief.header(**HEADERS[name])))


@pytest.mark.parametrize(
    ("before", "after"),
    [("", "\0"), ("", "\n"), ("", " "), (" ", ""), ("../", ""), ("", "/../x"), ("", "'--"), ("", "=")],
)
def test_kid_that_is_near_the_good_one(
    base_url: str, thief: Forger, victim: Person, before: str, after: str
) -> None:
    header = thief.header(kid=f"{before}{thief.kid}{after}")
    is_refused(base_url, thief.token(claims_of(victim), header))


ALGORITHMS: dict[str, tuple[hashes.HashAlgorithm, padding.AsymmetricPadding]] = {
    "RS384": (hashes.SHA384(), padding.PKCS1v15()),
    "RS512": (hashes.SHA512(), padding.PKCS1v15()),
    "PS256": (hashes.SHA256(), padding.PSS(padding.MGF1(hashes.SHA256()), 32)),
}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_another_algorithm_of_the_same_key(base_url: str, thief: Forger, victim: Person, name: str) -> None:
    text = f"{encode(thief.header(alg=name))}.{encode(claims_of(victim))}"
    is_refused(base_url, f"{text}.{encode(thief.sign(text, *ALGORITHMS[name]))}")


# --- the claims -------------------------------------------------------------------------------------

NEAR = ["Expense-Auth", "expense-auth ", " expense-auth", "expense-auth/", "expense-auth\0", "expense_auth"]
NEAR += ["expense-aut", "expense-auth2", "https://expense-auth", ""]
CLAIMS: dict[str, list[Any]] = {
    "iss": [*NEAR, None, 7, ["expense-auth"], {"expense-auth": 1}],
    "aud": ["auth-refresh", "expense-app ", "Expense-App", "", "*", None, 7, True,
            ["expense-app"], ["expense-app", "auth-refresh"], {"expense-app": 1}],
    "sub": [None, "", 7, "1", "' OR ''='", "00000000-0000-0000-0000-00000000000g"],
    "sid": [None, "", 7, "x" * 36],
    "jti": [None, "", 7, "x" * 65],
    "client_id": [None, "", "admin", 7, ["web"]],
    "scope": [None, "", 7, ["profile:read", "expenses:read"]],
    "ver": [None, 0, -1, "1", 1.0, True, 2**31, 10**400],
    "zoneinfo": [None, "", 7, "x" * 65],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in CLAIMS for value in CLAIMS[name]])
def test_claim_that_is_missing_or_wrong(
    base_url: str, thief: Forger, victim: Person, name: str, value: Any
) -> None:
    claims = claims_of(victim)
    claims.pop(name)
    is_refused(base_url, thief.token(claims | ({} if value is None else {name: value})))


TIMES = {
    "null": "null", "string": '"{}"', "empty": '""', "NaN": "NaN", "Infinity": "Infinity",
    "minus infinity": "-Infinity", "true": "true", "false": "false", "zero": "0", "negative": "-{}",
    "fraction": "{}.5", "whole float": "{}.0", "exponent": "{}e0", "list": "[{}]", "object": "{{}}",
    "1e308": "1e308", "1e400": "1e400", "two to the 63rd": str(2**63), "400 digits": "1" + "0" * 400,
    "after the year 9999": "253402300800", "milliseconds": "{}000",
}  # fmt: skip


def text_of(claims: dict[str, Any], *more: str) -> str:
    """The claims as JSON, and members that need not be."""
    return f"{{{', '.join([json.dumps(claims)[1:-1], *more])}}}"


@pytest.mark.parametrize("name", ["iat", "exp", "auth_time"])
@pytest.mark.parametrize("kind", ["missing", *TIMES])
def test_time_that_is_none(base_url: str, thief: Forger, victim: Person, name: str, kind: str) -> None:
    claims = claims_of(victim)
    value = claims.pop(name)
    more = [f'"{name}": {TIMES[kind].format(value)}'] if kind in TIMES else []
    is_refused(base_url, thief.token(text_of(claims, *more)))


LIVES: dict[str, tuple[float, float]] = {
    "ten years": (0, DECADE),
    "ten years, of which nine are over": (-9 * DECADE / 10, DECADE / 10),
    "ten years from now": (DECADE, DECADE + 300),
    "an hour": (0, 3600),
    "331 seconds": (0, 331),
    "two minutes ahead": (120, 300),
    "none": (60, 60),
    "backwards": (60, 30),
}


@pytest.mark.parametrize("name", LIVES)
def test_life_that_no_token_has(base_url: str, thief: Forger, victim: Person, name: str) -> None:
    begins, ends = (int(time.time() + seconds) for seconds in LIVES[name])
    is_refused(base_url, thief.token(claims_of(victim, iat=begins, exp=ends)))


@pytest.mark.parametrize("seconds", [31, 3600, DECADE])
def test_life_that_is_over(base_url: str, thief: Forger, victim: Person, seconds: int) -> None:
    ended = int(time.time()) - seconds
    token = thief.token(claims_of(victim, iat=ended - 300, exp=ended))
    is_refused(base_url, token, "token_expired")


# --- the form ---------------------------------------------------------------------------------------

FORMS: dict[str, Callable[[Forger, dict[str, Any]], str]] = {
    "a claim twice": lambda thief, claims: thief.token(text_of(claims, f'"sub": "{claims["sub"]}"')),
    "a claim twice, once escaped": lambda thief, claims: thief.token(
        text_of(claims, f'"s\\u0075b": "{claims["sub"]}"')
    ),
    "an unknown claim twice": lambda thief, claims: thief.token(text_of(claims, '"x": 1', '"x": 1')),
    "a member of the header twice": lambda thief, claims: thief.token(
        claims, text_of(thief.header(), '"alg": "RS256"')
    ),
    "a list": lambda thief, claims: thief.token(f"[{json.dumps(claims)}]"),
    "text": lambda thief, claims: thief.token(json.dumps(json.dumps(claims))),
    "null": lambda thief, _: thief.token("null"),
    "no JSON": lambda thief, _: thief.token("sub=1"),
    "two objects": lambda thief, claims: thief.token(json.dumps(claims) * 2),
    "a byte order mark": lambda thief, claims: thief.token("\ufeff" + json.dumps(claims)),
    "UTF-16": lambda thief, claims: thief.token(json.dumps(claims).encode("utf-16")),
    "no text": lambda thief, _: thief.token(b"\xff\xfe"),
    "deep": lambda thief, _: thief.token("[" * 2000),
    "more than 4 KB": lambda thief, claims: thief.token(claims | {"x": "x" * 3000}),
    "a header of nothing": lambda thief, claims: thief.token(claims, {}),
    "a header that is a list": lambda thief, claims: thief.token(claims, "[]"),
}


@pytest.mark.parametrize("name", FORMS)
def test_form_with_a_good_signature(base_url: str, thief: Forger, victim: Person, name: str) -> None:
    is_refused(base_url, FORMS[name](thief, claims_of(victim)))


# --- the purpose ------------------------------------------------------------------------------------


def test_a_token_of_another_purpose_under_the_type_of_this_one(
    base_url: str, thief: Forger, victim: Person
) -> None:
    refresh = part(victim.cookie("ea_refresh"), 1)
    revocations = {"iss": "expense-auth", "iat": int(time.time()), "sids": [], "min_ver": {}}
    for claims in (refresh, revocations, claims_of(victim, aud="auth-refresh")):
        is_refused(base_url, thief.token(claims))


def test_a_stolen_key_refreshes_nothing_and_ends_nothing(
    base_url: str, thief: Forger, victim: Person
) -> None:
    """A refresh token needs the secret of its session too, which only the sessions' Redis has."""
    real = part(victim.cookie("ea_refresh"), 1)
    header = thief.header(typ="rt+jwt")
    other = "A" if real["jti"][0] != "A" else "B"
    for changes in (
        {"jti": other + real["jti"][1:]},
        {"gen": real["gen"] + 1},
        {"gen": real["gen"] + 7},
        {"sub": "01900000-0000-7000-8000-000000000000"},
        {"aud": "expense-app"},
        {"iss": "expense-auth2"},
        {"exp": True},
        {"gen": 0},
    ):
        client = new_client(base_url, Cookie=f"ea_refresh={thief.token(real | changes, header)}")
        answer = client.post(f"{AUTH}/refresh")
        assert answer.status_code == 401, changes
        assert answer.json()["code"] in {"invalid_token", "session_revoked"}, changes
    for claims, kind in ((claims_of(victim), "rt+jwt"), (real, "at+jwt"), (real, "JWT")):
        token = thief.token(claims, thief.header(typ=kind))
        answer = new_client(base_url, Cookie=f"ea_refresh={token}").post(f"{AUTH}/refresh")
        problem(answer, 401, "invalid_token")
    good = new_client(base_url, Cookie=f"ea_refresh={victim.cookie('ea_refresh')}").post(f"{AUTH}/refresh")
    assert good.status_code == 200
