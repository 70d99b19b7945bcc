"""A file as it goes out."""

from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Download:
    """A body that is made while it is sent; `chunks` is None for a client that has it already."""

    etag: str
    name: str
    media_type: str
    chunks: AsyncIterator[bytes] | None
