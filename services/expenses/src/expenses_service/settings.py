"""The settings: environment variables with the prefix EXPENSES_; secrets come from files."""

import base64
import binascii
import re
from pathlib import Path
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "EXPENSES_"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
PORTS = range(1, 65536)
DEFAULT_PORTS = {"http": "80", "https": "443"}
_ORIGIN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?")
KEY_BYTES = 32


def _readable(path: Path) -> Path:
    """Found out at start, and not by the first request that needs the secret."""
    try:
        path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    return path


SecretFile = Annotated[Path, AfterValidator(_readable)]
SettingsType = TypeVar("SettingsType", bound=BaseSettings)


def _origin(value: str) -> str:
    """An origin as browsers write it (RFC 6454), without the port that its scheme has anyway.

    Plain http is for loopback hosts only.
    """
    match = _ORIGIN.fullmatch(value.lower())
    if match is None or int(match["port"] or 1) not in PORTS:
        raise ValueError("must be an origin and no more, such as https://expenses.example.com")
    scheme, host, port = match.groups()
    if scheme == "http" and host not in LOOPBACK:
        raise ValueError("may be http:// for localhost, 127.0.0.1 and [::1] only; use https://")
    own = "" if port in {None, DEFAULT_PORTS[scheme]} else f":{port}"
    return f"{scheme}://{host}{own}"


class Settings(BaseSettings):
    """Read once at start; `README.md` has the table of them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    public_origin: Annotated[str, AfterValidator(_origin)] = "http://localhost:8080"
    issuer: str = Field("expense-auth", min_length=1)
    database_url: str = Field(pattern=r"^postgresql://[^:@/]+@.+/.+$")
    database_password_file: SecretFile | None = None
    database_pool_size: int = Field(16, ge=1, le=200)
    longest_wait_seconds: float = Field(0.45, gt=0, le=0.9)
    cache_url: str = Field("", pattern=r"^(redis(s)?://.+)?$")
    cache_password_file: SecretFile | None = None
    jwks_url: str | None = Field(None, pattern=r"^https?://.+$")
    jwks_file: Path | None = None
    revocations_url: str | None = Field(None, pattern=r"^https?://.+$")
    revocations_poll_seconds: float = Field(2.0, ge=0.01, le=2)
    cursor_key_file: SecretFile
    log_level: str = Field("info", pattern=r"^(debug|info|warning|error)$")
    drain_seconds: float = Field(0.0, ge=0, le=60)

    @model_validator(mode="after")
    def _one_source_of_keys(self) -> Self:
        if (self.jwks_url is None) == (self.jwks_file is None):
            raise ValueError("set exactly one of EXPENSES_JWKS_URL and EXPENSES_JWKS_FILE")
        return self

    @property
    def secure(self) -> bool:
        """Whether browsers reach the service over https, which decides the names of cookies."""
        return self.public_origin.startswith("https://")

    def database_password(self) -> str | None:
        """The password of the role in `database_url`."""
        return read_secret(self.database_password_file)

    def cache_password(self) -> str | None:
        """The password of the user in `cache_url`."""
        return read_secret(self.cache_password_file)

    def cursor_key(self) -> bytes:
        """32 bytes that sign cursors, the same in all replicas."""
        return read_key(self.cursor_key_file, "EXPENSES_CURSOR_KEY_FILE")


class MigrationSettings(BaseSettings):
    """What the one-shot job of migrations needs: the owner's role, and nothing of the service's."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}MIGRATION_", extra="ignore", frozen=True)

    database_url: str = Field(pattern=r"^postgresql://[^:@/]+@.+/.+$")
    database_password_file: SecretFile | None = None

    def database_password(self) -> str | None:
        """The password of the owner's role."""
        return read_secret(self.database_password_file)


def read_secret(path: Path | None) -> str | None:
    """The text of a secret's file without its last line break; SystemExit if it has none."""
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"The secret file {path} cannot be read: {error}.") from None


def read_key(path: Path, name: str) -> bytes:
    """32 random bytes, base64url text in the file; SystemExit when it is anything else."""
    secret = read_secret(path) or ""
    try:
        key = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SystemExit(f"{name}: {path} must hold {KEY_BYTES} random bytes as base64url text.")
    return key


def load(kind: type[SettingsType]) -> SettingsType:
    """The settings from the environment; SystemExit with a sentence for each that is wrong."""
    try:
        return kind()
    except ValidationError as error:
        prefix = kind.model_config.get("env_prefix", PREFIX)
        raise SystemExit("\n".join(_sentence(prefix, item) for item in error.errors())) from None


def _sentence(prefix: str, error: ErrorDetails) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return f"Settings: {message}."
    name = f"{prefix}{'_'.join(map(str, error['loc']))}".upper()
    if error["type"] == "missing":
        return f"{name} is not set; README.md has the table of settings."
    return f"{name} is not valid: {message}."
