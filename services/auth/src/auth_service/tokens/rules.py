"""The text of a personal access token, and what one may be given.

`ea_pat_<id, 32 hex>_<256 random bits, 64 hex>_<CRC-32, 8 hex>`: the prefix lets scanners find it,
the check sum lets us refuse a mistyped one without asking Postgres.
"""

import hashlib
import hmac
import re
import secrets
import zlib
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

PREFIX: Final = "ea_pat_"
SECRET_BYTES: Final = 32
MAX_TOKENS: Final = 100
MAX_MADE: Final = 200  # in MADE_SECONDS, since each that is revoked is told to every reader
MADE_SECONDS: Final = 600
MADE_POLICY: Final = "personal-tokens"
MAX_NAME: Final = 120
MAX_LIFE: Final = timedelta(days=366)
SCOPES: Final = ("expenses:read", "expenses:write", "profile:read")

_TEXT = re.compile(r"(ea_pat_([0-9a-f]{32})_[0-9a-f]{64})_([0-9a-f]{8})")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def new_text(token_id: UUID) -> str:
    """A token that nobody has seen yet."""
    body = f"{PREFIX}{token_id.hex}_{secrets.token_hex(SECRET_BYTES)}"
    return f"{body}_{_check_sum(body)}"


def read_id(text: str) -> UUID | None:
    """The id that a token of the right form names; None for anything else."""
    match = _TEXT.fullmatch(text)
    if match is None or match[3] != _check_sum(match[1]):
        return None
    return UUID(match[2])


def _check_sum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def digest(text: str) -> bytes:
    """What is stored: 256 random bits need no slow hash."""
    return hashlib.sha256(text.encode()).digest()


def is_of(text: str, stored: bytes) -> bool:
    """Whether `stored` is the digest of `text`, compared in constant time."""
    return hmac.compare_digest(digest(text), stored)


def instant(text: str) -> datetime:
    """An instant of RFC 3339. Raises ValueError."""
    if not _INSTANT.fullmatch(text):
        raise ValueError("is not an instant")
    return datetime.fromisoformat(text.upper())
