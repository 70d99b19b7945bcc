"""What is built on a miss and what is served."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Built:
    """A reply's bytes and the data version that they were read with, in one snapshot."""

    version: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes ready to send and the entity tag that names them, in quotes (RFC 9110, 8.8.3).

    `version` is the data version that they are of, if that and its query decide them.
    """

    etag: str
    body: bytes
    version: int | None = None
