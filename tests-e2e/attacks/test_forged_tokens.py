"""Tokens made without auth's private key: no service lets them in, or asks anybody about them."""

import base64
import hashlib
import hmac
import json
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from actors import AUTH, EXPENSES, Person, close_clients, new_client, part, problem
from forger import Forger, answers, claims_of, encode, is_refused
from infra.local.stack import Stack

KEY_SET = "/.well-known/jwks.json"
DOTS_THAT_PASS = 24 * 1024  # of the 32 KiB of headers that the gateway lets through
COOLDOWN_SECONDS = 10.0
ABREAST = 8


@pytest.fixture(scope="module")
def victim(base_url: str) -> Person:
    """Whose token is to be forged; nothing that happens here ends their session."""
    person = Person.signed_in(base_url)
    close_clients()
    return person


@pytest.fixture(scope="module")
def stranger() -> Forger:
    """Somebody with a key that auth does not know."""
    return Forger.with_a_key_of_their_own()


def test_the_token_that_is_forged_here_is_good(base_url: str, victim: Person) -> None:
    assert [answer.status_code for answer in answers(base_url, victim.cookie("ea_access"))] == [200] * 4


# --- the algorithm ----------------------------------------------------------------------------------


def unsigned(victim: Person, algorithm: str) -> str:
    """The victim's token under another algorithm, without its signature."""
    token = victim.cookie("ea_access")
    return f"{encode(part(token, 0) | {'alg': algorithm})}.{token.split('.')[1]}"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signature", ["", "AAAA", "of the victim"])
def test_alg_none(base_url: str, victim: Person, algorithm: str, signature: str) -> None:
    if signature == "of the victim":
        signature = victim.cookie("ea_access").rpartition(".")[2]
    is_refused(base_url, f"{unsigned(victim, algorithm)}.{signature}")


def public_key(jwk: dict[str, str]) -> RSAPublicKey:
    n, e = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "==")) for name in "ne")
    return RSAPublicNumbers(e, n).public_key()


def pem(jwk: dict[str, str]) -> bytes:
    return public_key(jwk).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


PUBLIC: dict[str, Callable[[dict[str, str]], bytes]] = {
    "the public PEM": pem,
    "the public PEM without its last line break": lambda jwk: pem(jwk).rstrip(b"\n"),
    "the public PEM of PKCS 1": lambda jwk: public_key(jwk).public_bytes(Encoding.PEM, PublicFormat.PKCS1),
    "the public DER": lambda jwk: public_key(jwk).public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    ),
    "the JWK as it is served": lambda jwk: json.dumps(jwk, separators=(",", ":")).encode(),
    "the JWK with spaces": lambda jwk: json.dumps(jwk).encode(),
    "the key set": lambda jwk: json.dumps({"keys": [jwk]}, separators=(",", ":")).encode(),
    "the modulus": lambda jwk: jwk["n"].encode(),
    "the kid": lambda jwk: jwk["kid"].encode(),
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("name", PUBLIC)
def test_hs256_with_what_is_public(base_url: str, victim: Person, name: str) -> None:
    kid = part(victim.cookie("ea_access"), 0)["kid"]
    keys = new_client(base_url).get(KEY_SET).json()["keys"]
    secret = PUBLIC[name](next(key for key in keys if key["kid"] == kid))
    text = unsigned(victim, "HS256")
    is_refused(base_url, f"{text}.{encode(hmac.digest(secret, text.encode(), hashlib.sha256))}")


# --- the key ----------------------------------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Where keys are offered; who comes for them waits in its queue."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        yield server


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c", "iss", "url"])
def test_a_token_cannot_bring_its_key_or_say_where_it_is(
    base_url: str, victim: Person, stranger: Forger, listener: socket.socket, member: str
) -> None:
    address = f"http://127.0.0.1:{listener.getsockname()[1]}{KEY_SET}"
    offered: Any = {"jwk": stranger.jwk, "x5c": [encode(pem(stranger.jwk))]}.get(member, address)
    claims = claims_of(victim, **({"iss": address} if member == "iss" else {}))
    good_kid = part(victim.cookie("ea_access"), 0)["kid"]
    for kid in (stranger.kid, good_kid, secrets.token_urlsafe(32)):
        is_refused(base_url, stranger.token(claims, stranger.header(**{"kid": kid, member: offered})))
    with pytest.raises(TimeoutError):
        listener.accept()
    with socket.create_connection(listener.getsockname()):  # and it would have been seen
        listener.accept()[0].close()


@pytest.mark.parametrize("named", ["of the forger", "of auth"])
def test_another_key(base_url: str, victim: Person, stranger: Forger, named: str) -> None:
    kid = stranger.kid if named == "of the forger" else part(victim.cookie("ea_access"), 0)["kid"]
    is_refused(base_url, stranger.token(claims_of(victim), stranger.header(kid=kid)))


def fetches(stack: Stack) -> int:
    """How often auth has been asked for its key set."""
    text = new_client(stack.place.url("auth")).get("/metrics").text
    counts = re.findall(
        r'^http_requests_total\{.*route="/.well-known/jwks.json".*\} ([\d.]+)', text, re.MULTILINE
    )
    return int(sum(map(float, counts)))


@pytest.mark.own_stack
def test_a_thousand_unknown_kids_cost_at_most_six_fetches_a_minute(
    stack: Stack, victim: Person, stranger: Forger
) -> None:
    claims = claims_of(victim)
    tokens = [f"{encode(stranger.header(kid=secrets.token_urlsafe(32)))}.{encode(claims)}.AAAA"
              for _ in range(1000)]  # fmt: skip

    def ask(number: int) -> set[str]:
        """Those of one client, one after the other."""
        client, codes = new_client(stack.base_url), set()
        for token in tokens[number::ABREAST]:
            answer = client.get(EXPENSES, headers={"Authorization": f"Bearer {token}"})
            codes.add(problem(answer, 401, "invalid_token")["code"])
        return codes

    before, began = fetches(stack), time.monotonic()
    with ThreadPoolExecutor(ABREAST) as threads:
        assert list(threads.map(ask, range(ABREAST))) == [{"invalid_token"}] * ABREAST
    asked = fetches(stack) - before
    most = 1 + (time.monotonic() - began) / COOLDOWN_SECONDS
    assert asked <= most + 1  # and one that expenses makes every five minutes by itself
    assert new_client(stack.base_url).get(KEY_SET).status_code == 200
    assert fetches(stack) == before + asked + 1  # what is counted is what is asked
    assert [answer.status_code for answer in answers(stack.base_url, victim.cookie("ea_access"))] == [200] * 4


# --- the form ---------------------------------------------------------------------------------------


def other_payload(token: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{encode(part(token, 1) | {'scope': 'expenses:read'})}.{signature}"


def flattened(token: str) -> str:
    protected, payload, signature = token.split(".")
    return json.dumps({"payload": payload, "protected": protected, "signature": signature})


def general(token: str) -> str:
    protected, payload, signature = token.split(".")
    return json.dumps({"payload": payload, "signatures": [{"protected": protected, "signature": signature}]})


FORMS: dict[str, Callable[[str], str]] = {
    "another payload": other_payload,
    "JSON serialisation, flattened": flattened,
    "JSON serialisation, general": general,
    "JSON serialisation, encoded": lambda token: encode(flattened(token)),
    "no signature": lambda token: token.rpartition(".")[0] + ".",
    "two parts": lambda token: token.rpartition(".")[0],
    "four parts": lambda token: f"{token}.AAAA",
    "five parts, as if encrypted": lambda token: f"{token}.AAAA.AAAA",
    "the payload detached": lambda token: token.replace(f".{token.split('.')[1]}.", ".."),
    "a cut signature": lambda token: token[:-4],
    "a longer signature": lambda token: f"{token}AAAA",
    "another last letter": lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
    "padding": lambda token: f"{token}=",
    "quoted": lambda token: f'"{token}"',
    "a percent sign": lambda token: token.replace(".", "%2E"),
    "twice": lambda token: f"{token},{token}",
    "dots": lambda _: "." * DOTS_THAT_PASS,
    "one letter": lambda _: "x",
    "long": lambda token: f"{token.rpartition('.')[0]}.{'A' * DOTS_THAT_PASS}",
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_that_no_token_of_ours_has(base_url: str, victim: Person, name: str) -> None:
    is_refused(base_url, FORMS[name](victim.cookie("ea_access")))


@pytest.mark.parametrize("path", [f"{AUTH}/me", EXPENSES])
def test_a_megabyte_of_dots_stops_at_the_gateway(base_url: str, path: str) -> None:
    for headers in ({"Cookie": f"ea_access={'.' * 2**20}"}, {"Authorization": f"Bearer {'.' * 2**20}"}):
        assert new_client(base_url).get(path, headers=headers).status_code == 431


@pytest.mark.own_stack
@pytest.mark.parametrize("service", ["auth", "expenses"])
def test_a_megabyte_of_dots_is_refused_by_each_service_itself(stack: Stack, service: str) -> None:
    path = {"auth": f"{AUTH}/me", "expenses": EXPENSES}[service]
    bearer = {"Authorization": f"Bearer {'.' * 2**20}"}
    problem(new_client(stack.place.url(service)).get(path, headers=bearer), 401, "invalid_token")


# --- the purpose ------------------------------------------------------------------------------------


def test_a_refresh_token_gives_no_access(base_url: str, victim: Person) -> None:
    is_refused(base_url, victim.cookie("ea_refresh"))


def test_an_access_token_refreshes_nothing(base_url: str, victim: Person) -> None:
    client = new_client(base_url, Cookie=f"ea_refresh={victim.cookie('ea_access')}")
    answer = client.post(f"{AUTH}/refresh")
    problem(answer, 401, "invalid_token")
    assert "set-cookie" not in answer.headers


@pytest.mark.own_stack
def test_a_revocation_list_gives_no_access(stack: Stack) -> None:
    answer = new_client(stack.place.url("auth")).get("/internal/v1/revocations")
    assert part(answer.text, 0)["typ"] == "rev+jwt"
    assert len(answer.text) < 4096  # so that its size is not what it is refused for
    is_refused(stack.base_url, answer.text)


def test_a_forged_token_signs_nobody_out(base_url: str, victim: Person, stranger: Forger) -> None:
    signed = {"kid": part(victim.cookie("ea_access"), 0)["kid"]}
    for token in (
        f"{unsigned(victim, 'none')}.",
        stranger.token(claims_of(victim), stranger.header(**signed)),
        stranger.token(part(victim.cookie("ea_refresh"), 1), stranger.header(**signed, typ="rt+jwt")),
    ):
        for headers in (
            {"Cookie": f"ea_access={token}; ea_refresh={token}"},
            {"Authorization": f"Bearer {token}"},
        ):
            assert new_client(base_url, **headers).post(f"{AUTH}/logout").status_code == 204
    assert [answer.status_code for answer in answers(base_url, victim.cookie("ea_access"))] == [200] * 4
