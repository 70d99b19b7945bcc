"""The table of signing keys, and a key as it is used."""

from dataclasses import dataclass
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from sqlalchemy import CheckConstraint, Column, DateTime, Index, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from auth_service.tables import metadata

State = Literal["next", "current", "retired"]

signing_keys: Final = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("alg", Text, nullable=False),
    Column("public_jwk", JSONB, nullable=False),
    Column(
        "private_enc",
        LargeBinary,
        nullable=False,
        comment="nonce, then AES-256-GCM of the PKCS 8 DER",
    ),
    Column("state", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("activate_at", DateTime(timezone=True), nullable=False),
    Column("retire_at", DateTime(timezone=True)),
    CheckConstraint("state IN ('next', 'current', 'retired')", name="state"),
)
Index(
    "signing_keys_current",
    signing_keys.c.state,
    unique=True,
    postgresql_where=text("state = 'current'"),
)
Index(
    "signing_keys_next",
    signing_keys.c.state,
    unique=True,
    postgresql_where=text("state = 'next'"),
)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A row of `signing_keys`; `private_enc` is encrypted."""

    kid: str
    alg: str
    public_jwk: dict[str, str]
    private_enc: bytes
    state: State


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key and the one algorithm that it is for."""

    kid: str
    alg: str
    public: RSAPublicKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private key that new tokens are signed with."""

    kid: str
    alg: str
    private: RSAPrivateKey
