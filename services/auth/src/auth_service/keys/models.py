"""The table of signing keys, and a key as it is used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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
class SealedKey:
    """A key that was just made; `private_enc` is encrypted."""

    kid: str
    alg: str
    public_jwk: dict[str, str]
    private_enc: bytes


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A row of `signing_keys`; `private_enc` is empty once the key is retired.

    `activate_at` is when it began to sign, of the next key the first moment when it may;
    `retire_at` is when it stopped.
    """

    kid: str
    alg: str
    public_jwk: dict[str, str]
    private_enc: bytes
    state: State
    created_at: datetime
    activate_at: datetime
    retire_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All keys as they were at `now` by the clock of Postgres, which all replicas share."""

    now: datetime
    keys: Sequence[StoredKey]

    @property
    def current(self) -> StoredKey | None:
        """The one that signs."""
        return self._in_state("current")

    @property
    def next(self) -> StoredKey | None:
        """The one that will."""
        return self._in_state("next")

    def _in_state(self, state: State) -> StoredKey | None:
        return next((key for key in self.keys if key.state == state), None)


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation has done: who signed, who signs, when the former leaves the key set."""

    old_kid: str
    new_kid: str
    leaves_at: datetime


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
