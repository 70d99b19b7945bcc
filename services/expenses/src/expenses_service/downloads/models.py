"""A body as it goes out."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Download:
    """A body that is made while it is sent; `chunks` is None for a client that has it already.

    With a `name` it is a file to save. `open` is to be closed when it is sent, or will not be.
    """

    etag: str
    name: str | None
    media_type: str
    chunks: AsyncIterator[bytes] | None
    open: ExitStack = field(default_factory=ExitStack)
