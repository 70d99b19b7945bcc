"""A body on disk, so that nobody who sends slowly holds anything else."""

import asyncio
import errno
from collections.abc import AsyncIterable
from contextlib import suppress
from hashlib import blake2b
from tempfile import TemporaryFile
from typing import Final

import structlog

from expenses_service.errors import BodyTooLarge, Unavailable

_AT_ONCE: Final = 256 * 1024
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

log = structlog.get_logger(__name__)


class Spool:
    """A temporary file without a name, its size, and a digest of what is in it; to be closed."""

    def __init__(self) -> None:
        self.file = TemporaryFile()  # noqa: SIM115 - `close` is ours
        self.size = 0
        self._digest = blake2b(digest_size=32)

    async def fill(self, chunks: AsyncIterable[bytes], limit: int) -> None:
        """Raises BodyTooLarge as soon as it is, and Unavailable when the disk is full."""
        waiting = bytearray()
        async for chunk in chunks:
            self.size += len(chunk)
            if self.size > limit:
                raise BodyTooLarge(f"The body may have at most {limit} bytes.")
            waiting += chunk
            if len(waiting) >= _AT_ONCE:
                await asyncio.to_thread(self._write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(self._write, bytes(waiting))

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        try:
            self.file.write(data)
            self.file.flush()
        except OSError as error:
            if error.errno not in _FULL:
                raise
            log.warning("spool_full", size=self.size)
            raise Unavailable(retry_after=10, cause="disk of spools") from error

    def digest(self) -> bytes:
        """Of all that was written."""
        return self._digest.digest()

    def close(self) -> None:
        """Give the space back."""
        with suppress(OSError):  # of what never fitted on the disk, and is not wanted any more
            self.file.close()
