"""Keys and tokens as auth makes them, and as an attacker would (infra/contracts)."""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from expenses_service.keys.rules import thumbprint

ISSUER = "expense-auth"


def encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unsigned(number: int) -> str:
    return encode(number.to_bytes((number.bit_length() + 7) // 8))


@dataclass(frozen=True)
class SigningKey:
    """A private key with its public JWK."""

    private: rsa.RSAPrivateKey
    jwk: dict[str, str]

    @classmethod
    def generate(cls, bits: int = 3072) -> "SigningKey":
        """A new RSA key, named by its thumbprint."""
        private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        numbers = private.public_key().public_numbers()
        jwk = {"kty": "RSA", "use": "sig", "alg": "RS256"}
        jwk |= {"n": _unsigned(numbers.n), "e": _unsigned(numbers.e)}
        return cls(private, jwk | {"kid": thumbprint(jwk)})

    @property
    def kid(self) -> str:
        """The name of the key in headers."""
        return self.jwk["kid"]

    def sign(self, header: bytes, payload: bytes) -> str:
        """A compact JWS over exactly these bytes, well-formed or not."""
        signing_input = f"{encode(header)}.{encode(payload)}".encode()
        algorithm = jwt.get_algorithm_by_name("RS256")
        return f"{signing_input.decode()}.{encode(algorithm.sign(signing_input, self.private))}"

    def token(self, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
        """A signed token with the right header, or with `header` instead."""
        members = {"alg": "RS256", "typ": "at+jwt", "kid": self.kid} if header is None else header
        return self.sign(json.dumps(members).encode(), json.dumps(claims).encode())


def revocation_list(key: SigningKey, **changes: object) -> bytes:
    """A signed list of no revocations, made now; a change to None takes a claim away."""
    claims: dict[str, object] = {"iss": ISSUER, "iat": int(time.time()), "sids": [], "min_ver": {}}
    claims |= changes
    header = {"alg": "RS256", "typ": "rev+jwt", "kid": key.kid}
    there = {name: value for name, value in claims.items() if value is not None}
    return key.token(there, header).encode()


def key_set(*keys: SigningKey) -> bytes:
    """A JWK Set document."""
    return json.dumps({"keys": [key.jwk for key in keys]}).encode()


def user_id(number: int = 1) -> UUID:
    """A UUIDv7 that is the same in every run."""
    return UUID(f"01900000-0000-7000-8000-{number:012x}")


def access_claims(user: UUID | None = None, /, **changes: object) -> dict[str, Any]:
    """The claims of a good token, issued now; a change to None takes a claim away."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": "expense-app",
        "sub": str(user or user_id()),
        "sid": str(uuid4()),
        "jti": encode(uuid4().bytes),
        "iat": now,
        "exp": now + 300,
        "auth_time": now,
        "client_id": "web",
        "scope": "expenses:read expenses:write profile:read profile:write",
        "ver": 1,
        "zoneinfo": "Europe/Berlin",
    }
    claims |= changes
    return {name: value for name, value in claims.items() if value is not None}
