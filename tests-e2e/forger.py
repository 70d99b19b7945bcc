"""Somebody who makes tokens that auth never would, and what has to become of these.

With a key of their own; or with auth's own key, so that nothing but what the token says is wrong.
"""

import base64
import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from actors import AUTH, EXPENSES, Person, new_client, part, problem
from infra.local import servers
from infra.local.parts import HOST
from infra.local.stack import Stack

NONCE_BYTES = 12
LIFE_SECONDS = 290
DETAILS = {"The token is not valid.", "The access token is not valid."}
Json = str | bytes | Mapping[str, Any]  # text is taken as it is, so that it can be wrong in any way


def encode(content: Json) -> str:
    """Base64url without padding."""
    text = json.dumps(content) if isinstance(content, Mapping) else content
    data = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def answers(base_url: str | httpx.URL, token: str) -> list[httpx.Response]:
    """What both services say to a token, as a cookie and as a bearer."""
    client = new_client(base_url)
    carriers = ({"Cookie": f"ea_access={token}"}, {"Authorization": f"Bearer {token}"})
    return [client.get(path, headers=headers) for path in (f"{AUTH}/me", EXPENSES) for headers in carriers]


def is_refused(base_url: str | httpx.URL, token: str, code: str = "invalid_token") -> None:
    """Everywhere, in the same words, which do not say why."""
    for answer in answers(base_url, token):
        document = problem(answer, 401, code)
        assert code != "invalid_token" or document["detail"] in DETAILS
        assert document["errors"] == []
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "set-cookie" not in answer.headers


def claims_of(person: Person, **changes: Any) -> dict[str, Any]:
    """The claims of the person's access token as of now, with these changes; None leaves one out."""
    now = int(time.time())
    fresh = {"iat": now, "exp": now + LIFE_SECONDS}
    claims = part(person.cookie("ea_access"), 1) | fresh | changes
    return {name: value for name, value in claims.items() if value is not None}


@dataclass(frozen=True)
class Forger:
    """A private key, and the `kid` that it is signed under."""

    private: rsa.RSAPrivateKey
    kid: str

    @classmethod
    def with_a_key_of_their_own(cls) -> Self:
        private = rsa.generate_private_key(65537, 3072)
        return cls(private, encode(os.urandom(32)))

    @classmethod
    def with_the_key_of(cls, stack: Stack) -> Self:
        """Takes auth's present key from its table and the secret file that it is encrypted under."""
        kid, stored = _query(stack, "SELECT kid, encode(private_enc, 'hex') FROM signing_keys"
                                    " WHERE state = 'current'").split("|")  # fmt: skip
        secret = (stack.place.secrets / "auth/key_encryption_key").read_text().strip()
        sealed, opens = bytes.fromhex(stored), AESGCM(base64.urlsafe_b64decode(secret + "=="))
        plain = opens.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], kid.encode())
        private = serialization.load_der_private_key(plain, None)
        assert isinstance(private, rsa.RSAPrivateKey)
        return cls(private, kid)

    @property
    def jwk(self) -> dict[str, str]:
        numbers = self.private.public_key().public_numbers()
        n, e = (number.to_bytes((number.bit_length() + 7) // 8) for number in (numbers.n, numbers.e))
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": encode(n), "e": encode(e)}

    def header(self, **changes: Any) -> dict[str, Any]:
        """The header of an access token with these changes; None leaves a member out."""
        members = {"alg": "RS256", "typ": "at+jwt", "kid": self.kid} | changes
        return {name: value for name, value in members.items() if value is not None}

    def token(self, claims: Json, header: Json | None = None) -> str:
        """A token with a good RS256 signature, whatever it says."""
        signed = f"{encode(self.header() if header is None else header)}.{encode(claims)}"
        return f"{signed}.{encode(self.sign(signed))}"

    def sign(
        self,
        text: str,
        hash_: hashes.HashAlgorithm = hashes.SHA256(),  # noqa: B008 - it has no state
        pad: padding.AsymmetricPadding = padding.PKCS1v15(),  # noqa: B008 - the same
    ) -> bytes:
        return self.private.sign(text.encode(), pad, hash_)


def _query(stack: Stack, sql: str) -> str:
    """One row of auth's database, its columns with `|` between."""
    password = (stack.place.secrets / "auth/database_password").read_text().strip()
    target = {"PGHOST": HOST, "PGPORT": str(stack.place.ports["postgres"])}
    account = {"PGUSER": "auth_app", "PGDATABASE": "auth", "PGPASSWORD": password}
    done = subprocess.run(
        [str(servers.postgres("psql")), "--no-psqlrc", "--tuples-only", "--no-align", "--command", sql],
        env=target | account, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()
