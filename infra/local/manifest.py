"""What a backup says of itself, in `manifest.json`, and whether that is true."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from infra.local.ends import DATA_FILES
from infra.local.failure import Failure

FORMAT = 1
NAME = "manifest.json"


@dataclass(frozen=True)
class File:
    """One file of a backup."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """As it is on the disk now."""
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        return cls(path.stat().st_size, digest)


@dataclass(frozen=True)
class Manifest:
    """Written last, so that a folder without one is no backup."""

    format: int
    taken_at: str
    """When it was begun, UTC."""
    versions: Mapping[str, str]
    sessions_server: str
    key: str
    """The fingerprint of the key that auth's private keys are encrypted under."""
    files: Mapping[str, File]

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"


def fingerprint(key: bytes) -> str:
    """Tells 32 random bytes from others, and nothing of them."""
    return hashlib.sha256(b"expenses backup\0" + key).hexdigest()[:32]


def read(folder: Path) -> Manifest:
    """The manifest of a backup all of whose files are as they were written. Raises Failure."""
    try:
        said = json.loads((folder / NAME).read_text())
        if said["format"] != FORMAT:
            raise Failure(f"{folder} is of format {said['format']}, and this release reads {FORMAT}.")
        files = {name: File(**said["files"][name]) for name in DATA_FILES}
        manifest = Manifest(**{**said, "files": files})
    except (OSError, ValueError, KeyError, TypeError):
        raise Failure(f"{folder} is no backup: it has no {NAME}, or one that cannot be read.") from None
    for name, expected in files.items():
        _check(folder / name, expected)
    return manifest


def _check(path: Path, expected: File) -> None:
    try:
        found = File.of(path)
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}. Nothing was changed.") from None
    if found != expected:
        raise Failure(
            f"{path} is not what was written: {found.bytes} bytes, SHA-256 {found.sha256[:12]}…, in place of"
            f" {expected.bytes} bytes, {expected.sha256[:12]}…. Nothing was changed."
        )
