"""Reads a JWK Set (RFC 7517) strictly: one bad key refuses the whole document."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from expenses_service.keys.errors import KeySetRefused
from expenses_service.keys.models import KeySet, PublicKey

MAX_DOCUMENT_BYTES = 64 * 1024
MAX_KEYS = 16
MIN_MODULUS_BITS = 3072
MAX_MODULUS_BITS = 8192  # a larger one would make each verification a denial of service
PUBLIC_EXPONENT = 65537
KID_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_FIXED_MEMBERS = {"kty": "RSA", "use": "sig", "alg": "RS256"}


def parse_key_set(document: bytes) -> KeySet:
    """The keys of `document` by kid.

    Raises:
        KeySetRefused: it is too large, not a key set, empty, has more than 16 keys, or one that is
            not an RSA signing key of at least 3,072 bits named by its RFC 7638 thumbprint.

    """
    if len(document) > MAX_DOCUMENT_BYTES:
        raise KeySetRefused("larger than 64 KiB")
    try:
        parsed = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise KeySetRefused("not JSON") from error
    members = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(members, list):
        raise KeySetRefused("not a key set")
    if not 1 <= len(members) <= MAX_KEYS:
        raise KeySetRefused(f"holds {len(members)} keys, not 1 to {MAX_KEYS}")
    keys = {key.kid: key for key in map(_parse_key, members)}
    if len(keys) != len(members):
        raise KeySetRefused("names a key twice")
    return keys


def _parse_key(member: object) -> PublicKey:
    if not isinstance(member, dict):
        raise KeySetRefused("a key is not an object")
    for name, wanted in _FIXED_MEMBERS.items():
        if member.get(name) != wanted:
            raise KeySetRefused(f"a key's {name} is not {wanted}")
    modulus = _unsigned(member, "n")
    exponent = _unsigned(member, "e")
    if not MIN_MODULUS_BITS <= modulus.bit_length() <= MAX_MODULUS_BITS:
        raise KeySetRefused(f"a key has {modulus.bit_length()} bits")
    if modulus % 2 == 0:
        raise KeySetRefused("a key's modulus is even")
    if exponent != PUBLIC_EXPONENT:
        raise KeySetRefused("a key's exponent is not 65537")
    kid = member.get("kid")
    if kid != thumbprint(member):
        raise KeySetRefused("a key's kid is not its RFC 7638 thumbprint")
    rsa = RSAPublicNumbers(exponent, modulus).public_key()
    return PublicKey(kid=kid, algorithm=_FIXED_MEMBERS["alg"], rsa=rsa)


def _unsigned(member: Mapping[str, object], name: str) -> int:
    """A Base64urlUInt (RFC 7518, section 2)."""
    text = member.get(name)
    if not isinstance(text, str) or not _BASE64URL.fullmatch(text):
        raise KeySetRefused(f"a key's {name} is not base64url")
    try:
        return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError as error:
        raise KeySetRefused(f"a key's {name} is not base64url") from error


def thumbprint(member: Mapping[str, object]) -> str:
    """RFC 7638: SHA-256 over the required members in order, base64url without padding."""
    required = {name: member[name] for name in ("e", "kty", "n")}
    digest = hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
