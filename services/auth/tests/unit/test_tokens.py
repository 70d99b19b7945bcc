"""Forged tokens: what is not exactly as `sign` makes it is refused (SECURITY.md, Tokens)."""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import serialization

from auth_service.keys import rules
from auth_service.keys.errors import InvalidToken, KeyEncryptionKeyWrong
from auth_service.keys.models import SigningKey, VerifyingKey
from auth_service.keys.tokens import MAX_TOKEN_BYTES, sign, verify

PRIVATE = rules.generate()
JWK = rules.public_jwk(PRIVATE.public_key())
KEY = SigningKey(JWK["kid"], "RS256", PRIVATE)
KEYS = {JWK["kid"]: VerifyingKey(JWK["kid"], "RS256", rules.public_key(JWK))}


def encode(value: bytes | dict[str, object]) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: bytes | dict[str, object], payload: bytes | dict[str, object] = b"{}") -> str:
    """A token that our key signed, whatever it says."""
    from jwt import get_algorithm_by_name  # noqa: PLC0415 - only forgers need it

    text = f"{encode(header)}.{encode(payload)}"
    signature = get_algorithm_by_name("RS256").sign(text.encode(), PRIVATE)
    return f"{text}.{encode(signature)}"


HEADER: dict[str, object] = {"alg": "RS256", "typ": "at+jwt", "kid": JWK["kid"]}


def read(token: str) -> dict[str, object]:
    return verify(token, "at+jwt", KEYS.get)


def test_what_was_signed_is_read() -> None:
    token = sign(KEY, "at+jwt", {"a": 1})
    assert read(token) == {"a": 1}
    assert sign(KEY, "at+jwt", {"a": 1}) == token
    assert json.loads(rules.base64url_decode(token.split(".")[0])) == HEADER
    assert read(forged(HEADER)) == {}


PEM = PRIVATE.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def hs256(secret: bytes) -> str:
    text = f"{encode(HEADER | {'alg': 'HS256'})}.{encode(b'{}')}"
    return f"{text}.{encode(hmac.digest(secret, text.encode(), hashlib.sha256))}"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "." * 1_000_000,
        "a.b",
        "a.b.c.d",
        f"{encode(HEADER | {'alg': 'none'})}.{encode(b'{}')}.",
        hs256(PEM),
        hs256(json.dumps(JWK).encode()),
        *(
            forged(HEADER | {name: value})
            for name, value in {
                "jwk": JWK, "jku": "http://127.0.0.1/", "x5u": "http://127.0.0.1/", "x5c": [],
                "zip": "DEF",
                "crit": ["exp"], "b64": False, "cty": "JWT", "alg": "RS512", "typ": "rt+jwt",
            }.items()
        ),
        forged(HEADER | {"typ": "JWT"}),
        forged(HEADER | {"typ": "rev+jwt"}),
        *(
            forged(HEADER | {"kid": kid})
            for kid in ("../../etc/passwd", "' OR 1=1", "x" * 10_000, "\0", "A" * 43, 7, None)
        ),
        forged({"alg": "RS256", "typ": "at+jwt"}),
        forged(json.dumps(HEADER).replace("{", '{"alg": "RS256", ').encode()),
        forged(HEADER, b'{"sub":"a","sub":"b"}'),
        forged(HEADER, b'{"exp":NaN}'),
        forged(HEADER, b"[]"),
        forged(HEADER, b"not json"),
        forged(HEADER, b"\xff"),
        forged(HEADER, b"[" * 1500),
        forged(HEADER, b'"' + b"x" * MAX_TOKEN_BYTES + b'"'),
        sign(KEY, "at+jwt", {"a": 1})[:-4] + "AAAA",
        sign(KEY, "at+jwt", {"a": 1}) + "=",
        " " + sign(KEY, "at+jwt", {"a": 1}),
        json.dumps({"payload": "e30", "signatures": []}),
    ],
)  # fmt: skip
def test_what_is_not_exactly_ours_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        read(token)


def test_another_type_is_another_token() -> None:
    with pytest.raises(InvalidToken):
        verify(sign(KEY, "at+jwt", {}), "rt+jwt", KEYS.get)


def test_a_private_key_opens_under_its_secret_and_name_alone() -> None:
    secret = b"k" * 32
    sealed = rules.encrypt(PRIVATE, "kid", secret)
    assert rules.decrypt(sealed, "kid", secret).private_numbers() == PRIVATE.private_numbers()
    assert sealed != rules.encrypt(PRIVATE, "kid", secret)
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for arguments in (
        (sealed, "kid", b"l" * 32),
        (sealed, "other", secret),
        (changed, "kid", secret),
    ):
        with pytest.raises(KeyEncryptionKeyWrong):
            rules.decrypt(*arguments)


def test_a_public_key_has_six_members_and_its_thumbprint() -> None:
    assert set(JWK) == {"kty", "use", "alg", "kid", "n", "e"}
    assert len(JWK["kid"]) == 43
    assert rules.public_key(JWK).public_numbers() == PRIVATE.public_key().public_numbers()
    assert PRIVATE.key_size == 3072
