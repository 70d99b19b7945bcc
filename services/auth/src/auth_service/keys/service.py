"""Holds the signing keys in memory: signs, verifies, publishes, and follows what Postgres says."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from auth_service.database import Database
from auth_service.keys import deadlines, life, rules, tokens
from auth_service.keys.errors import KeyEncryptionKeyWrong, KeysUnavailable, UnknownKid
from auth_service.keys.models import Rotation, SigningKey, Snapshot, StoredKey, VerifyingKey

LIFETIME_SECONDS = 30 * 24 * 3600
RELOAD_SECONDS = 5.0
RETRY_SECONDS = 1.0
FRESH_SECONDS = 1.0
PATIENCE_SECONDS = 1.0  # readers of the key set wait two seconds in all
HINT = "AUTH_KEY_ENCRYPTION_KEY_FILE is not the secret that the stored keys were made under"

log = structlog.get_logger(__name__)


class KeyStore:
    """The current key signs; it and those before and after it verify."""

    def __init__(
        self,
        database: Database,
        key_encryption_key: bytes,
        lifetime_seconds: float = LIFETIME_SECONDS,
    ) -> None:
        self._database = database
        self._key_encryption_key = key_encryption_key
        self.lifetime = timedelta(seconds=lifetime_seconds)
        self._current: SigningKey | None = None
        self._keys: Mapping[str, StoredKey] = {}
        self._private: Mapping[str, SigningKey] = {}
        self._public: Mapping[str, VerifyingKey] = {}
        self._failure: Exception | None = None
        self._reading = asyncio.Lock()
        self._read_at = -FRESH_SECONDS
        self._reload: asyncio.Task[None] | None = None
        self._loop: asyncio.Task[None] | None = None
        self._signing = ThreadPoolExecutor(1, thread_name_prefix="sign")

    async def start(self) -> None:
        """Begin in the background; neither waits for Postgres nor fails without it."""
        self._loop = asyncio.create_task(self._keep_loaded(), name="keys")

    async def close(self) -> None:
        """Stop the background work."""
        tasks = [task for task in (self._loop, self._reload) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._signing.shutdown)

    # --- what others use ---------------------------------------------------------------------

    async def ready(self) -> None:
        """Raises KeysUnavailable while there is no key to sign with, or stored ones do not open."""
        if self._current is None or isinstance(self._failure, KeyEncryptionKeyWrong):
            raise self._unavailable()

    def _unavailable(self) -> KeysUnavailable:
        reason = type(self._failure).__name__ if self._failure else "not read yet"
        return KeysUnavailable(retry_after=1, cause=f"signing keys: {reason}")

    def held(self) -> Sequence[StoredKey]:
        """Those in memory, for metrics."""
        return tuple(self._keys.values())

    async def published(self) -> Sequence[Mapping[str, str]]:
        """The public keys as a JWK Set has them this very second. Raises KeysUnavailable."""
        await self._freshen()
        if not self._keys:
            raise self._unavailable()
        keys = deadlines.published(self.held(), datetime.now(UTC))
        return [key.public_jwk for key in keys]

    async def sign(self, kind: str, claims: Mapping[str, Any]) -> str:
        """A token of type `kind`. Raises KeysUnavailable.

        A signature takes 2 ms, in a thread of its own: it leaves the interpreter to the event loop.
        """
        if self._current is None:
            raise self._unavailable()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._signing, tokens.sign, self._current, kind, claims)

    async def verify(self, token: str, kind: str, *, long_lived: bool = False) -> dict[str, Any]:
        """The claims of a token of ours.

        A key that left the key set verifies `long_lived` tokens only. A key that is not known
        is looked for in Postgres, at most once a second for all.

        Raises:
            InvalidToken: not ours, or not as we make them.
            KeysUnavailable: nobody can tell at the moment.

        """
        if not self._keys:
            raise self._unavailable()
        find = self._public.get if long_lived else self._find_published
        try:
            return tokens.verify(token, kind, find)
        except UnknownKid:
            if not await self._freshen():
                raise self._unavailable() from None
        return tokens.verify(token, kind, find)

    def _find_published(self, kid: str) -> VerifyingKey | None:
        key = self._keys.get(kid)
        if key is None or not deadlines.is_published(key, datetime.now(UTC)):
            return None
        return self._public.get(kid)

    # --- how they come here --------------------------------------------------------------------

    async def load(self) -> None:
        """Read all keys, and do what is due: make, rotate, forget.

        Raises:
            Unavailable: Postgres cannot be reached.
            KeyEncryptionKeyWrong: the stored keys were made under another secret.

        """
        snapshot = await self._read()
        if absent := life.missing(snapshot):
            await life.complete(self._database, self._key_encryption_key, absent)
            snapshot = await self._read()
        if self._current is not None and deadlines.rotation_is_due(snapshot, self.lifetime):
            await life.rotate(self._database, self._key_encryption_key, self._current.kid)
            snapshot = await self._read()
        await life.forget_dead(self._database, snapshot)

    async def seconds_to_use(self) -> float:
        """How long the next key must still be published before `rotate`. Raises as `load` does."""
        await self.load()
        return deadlines.seconds_to_use(await self._read())

    async def rotate(self) -> Rotation:
        """Let the next key sign from now on, if nobody has done so since this store has loaded.

        Raises:
            KeysUnavailable: the next key has not been published for long enough.
            Unavailable: Postgres cannot be reached.

        """
        if self._current is None:
            raise self._unavailable()
        old = self._current.kid
        await life.rotate(self._database, self._key_encryption_key, old)
        snapshot = await self._read()
        retired = self._keys.get(old)
        if retired is None or retired.retire_at is None or snapshot.current is None:
            raise KeysUnavailable("The next key has not been published for long enough.")
        return Rotation(old, snapshot.current.kid, deadlines.leaves_at(retired.retire_at))

    async def _keep_loaded(self) -> None:
        while True:
            await self._attempt(self.load)
            await asyncio.sleep(RETRY_SECONDS if self._failure else RELOAD_SECONDS)

    async def _freshen(self) -> bool:
        """Read again what was read over a second ago: once for all who ask, who wait a second.

        Whether what is in memory is now as fresh as that.
        """
        if self._reload is None or self._reload.done():
            if time.monotonic() - self._read_at < FRESH_SECONDS:
                return self._failure is None
            reload = self._attempt(self._read)  # not in the context of a request, nor in its time
            self._reload = asyncio.create_task(reload, name="keys-reload", context=Context())
        done, _ = await asyncio.wait({self._reload}, timeout=PATIENCE_SECONDS)
        return bool(done) and self._failure is None

    async def _attempt(self, step: Callable[[], Awaitable[object]]) -> None:
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - the tables may come later; /readyz tells
            self._failure = error
            hint = HINT if isinstance(error, KeyEncryptionKeyWrong) else None
            reason = type(error).__name__
            log.warning("keys_not_loaded", reason=reason, hint=hint, keys_held=len(self._keys))
        else:
            self._failure = None

    async def _read(self) -> Snapshot:
        async with self._reading:  # one after another, so that the last that is used is the latest
            try:
                snapshot = await life.read(self._database)
                self._use(snapshot)
            finally:
                self._read_at = time.monotonic()
        return snapshot

    def _use(self, snapshot: Snapshot) -> None:
        private = {key.kid: self._open(key) for key in snapshot.keys if key.state != "retired"}
        current = private[snapshot.current.kid] if snapshot.current else None
        if current is not None and current is not self._current:
            log.info("key_signs", kid=current.kid)
        self._private, self._current = private, current
        self._keys = {key.kid: key for key in snapshot.keys}
        self._public = {key.kid: self._public.get(key.kid) or _public(key) for key in snapshot.keys}

    def _open(self, key: StoredKey) -> SigningKey:
        """The private key, decrypted once. Raises KeyEncryptionKeyWrong."""
        if key.kid in self._private:
            return self._private[key.kid]
        private = rules.decrypt(key.private_enc, key.kid, self._key_encryption_key)
        return SigningKey(key.kid, key.alg, private)


def _public(key: StoredKey) -> VerifyingKey:
    return VerifyingKey(key.kid, key.alg, rules.public_key(key.public_jwk))
