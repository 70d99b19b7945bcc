"""A public key and a set of them, as held in memory."""

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One verification key; `algorithm` belongs to the key and is never taken from a token."""

    kid: str
    algorithm: str
    rsa: RSAPublicKey


KeySet = Mapping[str, PublicKey]
"""Keys by `kid`."""
