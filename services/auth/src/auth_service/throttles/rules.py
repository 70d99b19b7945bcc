"""Which buckets an attempt counts in, and what they are called in Redis."""

import hashlib
import hmac
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from auth_service.errors import RateLimit
from auth_service.throttles.models import Bucket, Kind

IPV6_PREFIX: Final = 64  # what one customer has; single addresses cost nothing
MEMORY_SECONDS: Final = 3600  # how long the failures of an account are kept after the last one
NAME_BYTES: Final = 16


def derive_key(secret: bytes) -> bytes:
    """The key under which addresses are named (RFC 5869)."""
    kdf = HKDF(hashes.SHA256(), length=32, salt=None, info=b"expense-api throttle")
    return kdf.derive(secret)


def network(address: str) -> str:
    """An IPv4 address as it is, an IPv6 one as its /64; what is neither, as it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), IPV6_PREFIX), strict=False))


def name(key: bytes, policy: str, subject: str) -> str:
    """The key in Redis: nobody reads from it who or what is counted."""
    message = f"{policy}|{subject}".encode(errors="surrogatepass")
    digest = hmac.digest(key, message, hashlib.sha256)[:NAME_BYTES]
    return f"throttle:{policy}:{digest.hex()}"


def arguments(buckets: Sequence[Bucket]) -> list[str | int]:
    """What take.lua is told of each."""
    return [
        argument
        for bucket in buckets
        for argument in (bucket.kind.value, bucket.most, bucket.seconds * 1000)
    ]


def rate_limit(bucket: Bucket, wait: int) -> RateLimit:
    """What the client is told of the bucket; a delay is one attempt in the time to wait."""
    if bucket.kind is Kind.WINDOW:
        return RateLimit(bucket.policy, bucket.most, bucket.seconds, wait)
    return RateLimit(bucket.policy, 1, wait, wait)
