"""Cursors of the list of events: the last id of a page, sealed for its user."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from auth_service.events.errors import InvalidCursor

ID_BYTES: Final = 16
MAC_BYTES: Final = 16


class Cursors:
    """Seals and opens cursors, under a key derived from a secret (RFC 5869)."""

    def __init__(self, secret: bytes) -> None:
        kdf = HKDF(hashes.SHA256(), length=32, salt=None, info=b"expense-api events cursor")
        self._key = kdf.derive(secret)

    def seal(self, user_id: UUID, last: UUID) -> str:
        """The text of a cursor that opens for `user_id` only."""
        return urlsafe_b64encode(last.bytes + self._mac(user_id, last.bytes)).decode().rstrip("=")

    def unseal(self, user_id: UUID, text: str) -> UUID:
        """Raises InvalidCursor when `text` is anything but a cursor sealed for this user."""
        try:
            sealed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        except ValueError as error:
            raise InvalidCursor from error
        if len(sealed) != ID_BYTES + MAC_BYTES:
            raise InvalidCursor
        last = UUID(bytes=sealed[:ID_BYTES])
        # The texts are compared: base64url has several for the same bytes (RFC 4648, section 3.5).
        if not hmac.compare_digest(text.encode(), self.seal(user_id, last).encode()):
            raise InvalidCursor
        return last

    def _mac(self, user_id: UUID, place: bytes) -> bytes:
        return hmac.digest(self._key, user_id.bytes + place, hashlib.sha256)[:MAC_BYTES]
