"""Puts the gateway's certificate and key into a folder: `certificate.py FOLDER ORIGIN [FILE_MODE]`.

TLS_CERT_FILE and TLS_KEY_FILE, when set, are checked and copied. Else a certificate is made for the
origin's host, signed by itself; one that is there and still good stays. Run with auth's environment,
which has `cryptography`, on this machine and in the containers. FILE_MODE is 0600, or 0444 where the
gateway is another user.
"""

import ipaddress
import os
import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOOPBACK = ("localhost", "127.0.0.1", "::1")
LIFE = timedelta(days=365)
RENEW = timedelta(days=30)


class Refused(Exception):
    """What was given cannot be used; the message is for the operator."""


def given(certificate: Path, key: Path) -> tuple[bytes, bytes]:
    """The PEM texts of an operator's own files. Raises Refused."""
    try:
        texts = certificate.read_bytes(), key.read_bytes()
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise Refused("The key in TLS_KEY_FILE is not that of TLS_CERT_FILE.") from None
        raise Refused("TLS_CERT_FILE and TLS_KEY_FILE hold no certificate and key in PEM.") from None
    except OSError as error:
        raise Refused(f"{error.filename}, of TLS_CERT_FILE and TLS_KEY_FILE: {error.strerror}.") from None
    if x509.load_pem_x509_certificate(texts[0]).not_valid_after_utc < datetime.now(UTC):
        raise Refused("The certificate in TLS_CERT_FILE has expired.")
    return texts


def _no_password() -> str:
    raise Refused("The key in TLS_KEY_FILE has a password; the gateway needs one without.")


def names_of(origin: str) -> list[x509.GeneralName]:
    """What the certificate of an origin is for. Raises Refused."""
    host = urlsplit(origin).hostname
    if not host:
        raise Refused(f"{origin!r} is no origin such as https://localhost:8443.")
    return [_name(text) for text in (LOOPBACK if host in LOOPBACK else (host,))]


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def is_good(file: Path, names: list[x509.GeneralName]) -> bool:
    """Whether `file` holds a certificate that was made here, for these names, and for a month more."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, file.with_name("key.pem"))
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        covered = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    own = certificate.issuer == certificate.subject and list(covered) == names
    return own and certificate.not_valid_after_utc > datetime.now(UTC) + RENEW


def self_signed(names: list[x509.GeneralName]) -> tuple[bytes, bytes]:
    """A new certificate for `names`, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(names[0].value))])
    now = datetime.now(UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + LIFE)
    for extension, critical in (
        (x509.SubjectAlternativeName(names), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (identifier, False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False),
    ):
        builder = builder.add_extension(extension, critical)
    return (
        builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def write(folder: Path, texts: tuple[bytes, bytes], mode: int) -> None:
    """Both files, each of them whole; the key is never readable to more than `mode` says."""
    for name, text in zip(("key.pem", "certificate.pem"), reversed(texts), strict=True):
        part = folder / f"{name}.part"
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(text)
        part.chmod(mode)
        part.replace(folder / name)


def main() -> int:
    """The exit status; prints in a sentence what the gateway will show."""
    folder, origin = Path(sys.argv[1]), sys.argv[2]
    mode = int(sys.argv[3], 8) if sys.argv[3:] else 0o600
    folder.mkdir(mode=0o700 if mode == 0o600 else 0o755, parents=True, exist_ok=True)  # noqa: PLR2004 - modes
    certificate, key = (os.environ.get(name, "") for name in ("TLS_CERT_FILE", "TLS_KEY_FILE"))
    try:
        names = names_of(origin)
        if certificate or key:
            if not (certificate and key):
                raise Refused("TLS_CERT_FILE and TLS_KEY_FILE belong together: set both.")  # noqa: TRY301 - all in one try
            write(folder, given(Path(certificate), Path(key)), mode)
            print("The certificate is the one in TLS_CERT_FILE.")
            return 0
        if not is_good(folder / "certificate.pem", names):
            write(folder, self_signed(names), mode)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    print(f"The certificate is self-signed, for {', '.join(str(name.value) for name in names)}:"
          f" {folder / 'certificate.pem'}")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
