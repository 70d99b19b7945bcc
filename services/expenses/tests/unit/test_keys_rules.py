"""Which key sets are taken (infra/contracts/key-set.md)."""

import json

import pytest

from expenses_service.keys.errors import KeySetRefused
from expenses_service.keys.rules import parse_key_set, thumbprint
from tests.tokens import SigningKey, key_set

KEY = SigningKey.generate()
OTHER = SigningKey.generate()
SMALL = SigningKey.generate(2048)


def test_keys_are_held_by_kid_with_their_own_algorithm() -> None:
    keys = parse_key_set(key_set(KEY, OTHER))
    assert set(keys) == {KEY.kid, OTHER.kid}
    assert keys[KEY.kid].algorithm == "RS256"
    assert keys[KEY.kid].rsa.public_numbers() == KEY.private.public_key().public_numbers()


def test_members_that_nobody_knows_are_ignored() -> None:
    document = json.dumps({"keys": [KEY.jwk | {"x-note": 1}], "more": True}).encode()
    assert set(parse_key_set(document)) == {KEY.kid}


def test_thumbprint_of_the_example_in_rfc_7638() -> None:
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
        "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
        "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI"
        "4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    assert (
        thumbprint({"kty": "RSA", "n": modulus, "e": "AQAB"})
        == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    )


def with_member(name: str, value: object) -> bytes:
    return json.dumps({"keys": [KEY.jwk | {name: value}]}).encode()


def without_member(name: str) -> bytes:
    return json.dumps({"keys": [{k: v for k, v in KEY.jwk.items() if k != name}]}).encode()


REFUSED = {
    "nothing": b"",
    "HTML": b"<!doctype html><title>Sign in</title>",
    "a list": b"[]",
    "a null": b"null",
    "no keys member": b"{}",
    "keys no list": b'{"keys": {}}',
    "empty": b'{"keys": []}',
    "a key that is no object": b'{"keys": ["RSA"]}',
    "nested deep": b"[" * 60_000,
    "not UTF-8": b"\xff\xfe\xff",
    "more than 64 KiB": key_set(KEY) + b" " * 64 * 1024,
    "17 keys": json.dumps({"keys": [KEY.jwk] * 17}).encode(),
    "a key twice": key_set(KEY, KEY),
    "2048 bits": key_set(SMALL),
    "one good and one small": key_set(KEY, SMALL),
    "another kid": with_member("kid", OTHER.kid),
    "no kid": without_member("kid"),
    "no n": without_member("n"),
    "no e": without_member("e"),
    "no use": without_member("use"),
    "use enc": with_member("use", "enc"),
    "alg none": with_member("alg", "none"),
    "alg HS256": with_member("alg", "HS256"),
    "kty oct": with_member("kty", "oct"),
    "e a number": with_member("e", 65537),
    "n cut short": with_member("n", KEY.jwk["n"][:-3] + "="),
    "n not base64url": with_member("n", KEY.jwk["n"][:-1] + "+"),
    "n of impossible length": with_member("n", KEY.jwk["n"] + "A"),
    "n of 16,384 bits": with_member("n", "_" * 2731),
}


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED)
def test_document_that_is_refused(document: bytes) -> None:
    with pytest.raises(KeySetRefused):
        parse_key_set(document)


@pytest.mark.parametrize(
    "member",
    [{"n": KEY.jwk["n"][:-1] + "A"}, {"e": "Aw"}, {"e": "AQAC"}],
    ids=["even modulus", "exponent three", "exponent even"],
)
def test_numbers_that_are_no_key_of_ours(member: dict[str, str]) -> None:
    jwk = KEY.jwk | member
    document = json.dumps({"keys": [jwk | {"kid": thumbprint(jwk)}]}).encode()
    with pytest.raises(KeySetRefused):
        parse_key_set(document)
