"""Holds the signing keys in memory; makes the first one when there is none."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from auth_service.database import Database
from auth_service.keys import repository, rules, tokens
from auth_service.keys.errors import KeyEncryptionKeyWrong, KeysUnavailable
from auth_service.keys.models import SigningKey, StoredKey, VerifyingKey

RELOAD_SECONDS = 30.0
RETRY_SECONDS = 1.0
HINT = "AUTH_KEY_ENCRYPTION_KEY_FILE is not the secret that the stored keys were made under"

log = structlog.get_logger(__name__)


class KeyStore:
    """The current key signs; it and the others that are published verify."""

    def __init__(self, database: Database, key_encryption_key: bytes) -> None:
        self._database = database
        self._key_encryption_key = key_encryption_key
        self._current: SigningKey | None = None
        self._verifying: Mapping[str, VerifyingKey] = {}
        self._published: Sequence[Mapping[str, str]] = ()
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin in the background; neither waits for Postgres nor fails without it."""
        self._loop = asyncio.create_task(self._keep_loaded(), name="keys")

    async def close(self) -> None:
        """Stop the background work."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def ready(self) -> None:
        """Raises KeysUnavailable while there is no key to sign with."""
        if self._current is None:
            raise KeysUnavailable(retry_after=1)

    def published(self) -> Sequence[Mapping[str, str]]:
        """The public keys as a JWK Set has them. Raises KeysUnavailable."""
        if not self._published:
            raise KeysUnavailable(retry_after=1)
        return self._published

    def sign(self, kind: str, claims: Mapping[str, Any]) -> str:
        """A token of type `kind`; 2 ms. Raises KeysUnavailable."""
        if self._current is None:
            raise KeysUnavailable(retry_after=1)
        return tokens.sign(self._current, kind, claims)

    def verify(self, token: str, kind: str) -> dict[str, Any]:
        """The claims of a token of ours. Raises InvalidToken, KeysUnavailable."""
        if self._current is None:
            raise KeysUnavailable(retry_after=1)
        return tokens.verify(token, kind, self._verifying.get)

    async def _keep_loaded(self) -> None:
        while True:
            try:
                await self.load()
            except Exception as error:  # noqa: BLE001 - the tables may come later; /readyz tells
                self._tell(error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await asyncio.sleep(RELOAD_SECONDS)

    def _tell(self, error: Exception) -> None:
        hint = HINT if isinstance(error, KeyEncryptionKeyWrong) else None
        reason = type(error).__name__
        log.warning("keys_not_loaded", reason=reason, hint=hint, keys_held=len(self._verifying))

    async def load(self) -> None:
        """Read all keys, making the first one if there is none.

        Raises:
            Unavailable: Postgres cannot be reached.
            KeyEncryptionKeyWrong: the stored keys were made under another secret.

        """
        async with self._database.transaction() as connection:
            stored = await repository.all_keys(connection)
        if not any(key.state == "current" for key in stored):
            stored = await self._make_first()
        self._use(stored)

    async def _make_first(self) -> Sequence[StoredKey]:
        """Make a key outside the transaction; of several replicas, the first to lock keeps its."""
        private = await asyncio.to_thread(rules.generate)
        jwk = rules.public_jwk(private.public_key())
        sealed = rules.encrypt(private, jwk["kid"], self._key_encryption_key)
        key = StoredKey(jwk["kid"], jwk["alg"], jwk, sealed, "current")
        async with self._database.transaction() as connection:
            await repository.lock_keys(connection)
            stored = await repository.all_keys(connection)
            if not any(other.state == "current" for other in stored):
                await repository.insert_key(connection, key)
                stored = [*stored, key]
                log.info("key_made", kid=key.kid)
        return stored

    def _use(self, stored: Sequence[StoredKey]) -> None:
        current = next(key for key in stored if key.state == "current")
        if self._current is None or self._current.kid != current.kid:
            private = rules.decrypt(current.private_enc, current.kid, self._key_encryption_key)
            self._current = SigningKey(current.kid, current.alg, private)
        self._verifying = {
            key.kid: VerifyingKey(key.kid, key.alg, rules.public_key(key.public_jwk))
            for key in stored
        }
        self._published = tuple(key.public_jwk for key in stored)
