"""The device cookie: tells a browser that signed in to this account before, and nothing else."""

import hashlib
import hmac
import secrets
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from auth_service.keys.rules import base64url

RANDOM_BYTES = 16


class Devices:
    """Issues and recognises device tokens, under a key derived from a secret (RFC 5869)."""

    def __init__(self, secret: bytes) -> None:
        kdf = HKDF(hashes.SHA256(), length=32, salt=None, info=b"expense-api device cookie")
        self._key = kdf.derive(secret)

    def issue(self, user_id: UUID) -> str:
        """A token for a device that has just signed in as `user_id`."""
        random = base64url(secrets.token_bytes(RANDOM_BYTES))
        return f"{random}.{self._tag(random, user_id)}"

    def is_known(self, token: str, user_id: UUID) -> bool:
        """Whether this device signed in as `user_id` before."""
        random, _, tag = token.partition(".")
        return hmac.compare_digest(self._tag(random, user_id).encode(), tag.encode())

    def _tag(self, random: str, user_id: UUID) -> str:
        message = f"{random}|{user_id}".encode()
        return base64url(hmac.digest(self._key, message, hashlib.sha256))
