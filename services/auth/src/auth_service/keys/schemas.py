"""The key set as it is published (infra/contracts/key-set.md)."""

from typing import Literal

from pydantic import BaseModel


class JsonWebKey(BaseModel):
    """The public part of an RSA signing key (RFC 7517)."""

    kty: Literal["RSA"]
    use: Literal["sig"]
    alg: Literal["RS256"]
    kid: str
    n: str
    e: str


class KeySet(BaseModel):
    """A JWK Set."""

    keys: list[JsonWebKey]
