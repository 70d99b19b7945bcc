"""Making, naming, encrypting and publishing RSA keys (RFC 7517, 7518, 7638; NIST SP 800-38D)."""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    RSAPublicNumbers,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from auth_service.keys.errors import KeyEncryptionKeyWrong
from auth_service.keys.models import SealedKey

ALGORITHM: Final = "RS256"
MODULUS_BITS: Final = 3072
PUBLIC_EXPONENT: Final = 65537
NONCE_BYTES: Final = 12


def base64url(data: bytes) -> str:
    """Without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def base64url_decode(text: str) -> bytes:
    """Raises ValueError (binascii.Error)."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def generate() -> RSAPrivateKey:
    """A new private key; takes up to a second or two of one core."""
    return generate_private_key(PUBLIC_EXPONENT, MODULUS_BITS)


def make(key_encryption_key: bytes) -> SealedKey:
    """A new key, named and encrypted; takes as long as `generate`."""
    private = generate()
    jwk = public_jwk(private.public_key())
    return SealedKey(jwk["kid"], ALGORITHM, jwk, encrypt(private, jwk["kid"], key_encryption_key))


def public_jwk(key: RSAPublicKey) -> dict[str, str]:
    """Exactly the members `kty, use, alg, kid, n, e`."""
    numbers = key.public_numbers()
    jwk = {"kty": "RSA", "use": "sig", "alg": ALGORITHM}
    jwk |= {"n": _unsigned(numbers.n), "e": _unsigned(numbers.e)}
    return jwk | {"kid": thumbprint(jwk)}


def public_key(jwk: Mapping[str, str]) -> RSAPublicKey:
    """The key that `public_jwk` described."""
    modulus, exponent = (int.from_bytes(base64url_decode(jwk[name])) for name in ("n", "e"))
    return RSAPublicNumbers(exponent, modulus).public_key()


def thumbprint(jwk: Mapping[str, str]) -> str:
    """RFC 7638: SHA-256 over the required members, in order."""
    required = {name: jwk[name] for name in ("e", "kty", "n")}
    canonical = json.dumps(required, separators=(",", ":")).encode()
    return base64url(hashlib.sha256(canonical).digest())


def _unsigned(number: int) -> str:
    return base64url(number.to_bytes((number.bit_length() + 7) // 8))


def encrypt(key: RSAPrivateKey, kid: str, key_encryption_key: bytes) -> bytes:
    """A nonce and the PKCS 8 form under AES-256-GCM, bound to `kid`."""
    plain = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key_encryption_key).encrypt(nonce, plain, kid.encode())


def decrypt(stored: bytes, kid: str, key_encryption_key: bytes) -> RSAPrivateKey:
    """What `encrypt` was given.

    Raises:
        KeyEncryptionKeyWrong: another key encryption key, another kid, or changed bytes.

    """
    nonce, sealed = stored[:NONCE_BYTES], stored[NONCE_BYTES:]
    try:
        plain = AESGCM(key_encryption_key).decrypt(nonce, sealed, kid.encode())
    except InvalidTag as error:
        raise KeyEncryptionKeyWrong(kid) from error
    # GCM has just shown that these are our own bytes: judging the primes again costs 0.1 s.
    key = serialization.load_der_private_key(plain, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise KeyEncryptionKeyWrong(kid)
    return key
